/** The masks against the table that all languages share, and what holds for every mask and every value. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyUnavailableError, MaskUnavailableError } from "@jingxi/client";
import { ff1 } from "../dist/masks/ff1.js";
import { decimalText, numberText } from "../dist/masks/figures.js";
import * as masks from "../dist/masks.js";
import { type Json, load } from "./support.js";

const CASES: Json[] = load("masking.json").cases;
const KEY = Buffer.from("0123456789abcdef0123456789abcdef");

const TEXT_MASKS: Record<string, Json> = {
  full: {},
  keep: { prefix: 3, suffix: 4 },
  mask: { prefix: 1 },
  keep_range: { from: 2, to: 3 },
  before: { delimiter: "@" },
  after: { delimiter: "·", occurrence: "last" },
  name: {},
  email: {},
  address: { prefix: 1 },
  landline: {},
  ip: {},
  regex: { pattern: "(.*)", template: "$1" },
  hash: { key: "k" },
  encrypt: { key: "k" },
  fpe: { key: "k" },
  bucket: { edges: ["5"] },
  round: {},
  date_trunc: {},
};

function settingsOf(one: Json): masks.MaskSettings {
  const keys = new Map(Object.entries(one.keys ?? {}).map(([id, text]) => [id, Buffer.from(text as string, "base64")]));
  const [year, month, day] = (one.today ?? "2026-01-01").split("-").map(Number) as [number, number, number];
  return {
    keys: (id) => keys.get(id),
    today: { year, month, day },
    ...(one.nonce === undefined ? {} : { nonces: () => Buffer.from(one.nonce, "hex") }),
  };
}

test("vectors", async (t) => {
  for (const one of CASES) {
    await t.test(one.id, () => {
      const before = structuredClone(one.value);
      const shown = masks.apply(one.algorithm, one.parameters, one.value, settingsOf(one));
      if (one.expected?.drop === true) assert.equal(shown, masks.DROP);
      else assert.deepEqual(shown, one.expected);
      assert.deepEqual(one.value, before);
    });
  }
});

test("vectors cover every algorithm and every parameter", () => {
  for (const [algorithm, parameters] of Object.entries(masks.PARAMETERS)) {
    const own = CASES.filter((c) => c.algorithm === algorithm && c.id.startsWith(`${algorithm}/`));
    const given = new Set(own.flatMap((c) => Object.keys(c.parameters)));
    assert.deepEqual([...given].sort(), Object.keys(parameters).sort(), algorithm);
  }
});

test("the table above names every mask that looks at the value", () => {
  assert.deepEqual(
    Object.keys(TEXT_MASKS).sort(),
    Object.keys(masks.PARAMETERS)
      .filter((name) => name !== "suppress" && name !== "null")
      .sort(),
  );
});

test("every value has a result and is left as it was", () => {
  const values: Json[] = [null, true, 0, -1.5, 1e21, "", "x", "张三", "𠮷田", [], ["a", [1, null]], {}, { a: "b" }, 7n];
  for (const algorithm of Object.keys(TEXT_MASKS)) {
    for (const value of values) {
      const before = structuredClone(value);
      const shown = masks.apply(algorithm, TEXT_MASKS[algorithm], value, { keys: () => KEY });
      assert.deepEqual(value, before);
      assert.ok(isMaskedJson(value, shown), `${algorithm} of ${typeof value}`);
    }
  }
});

function isMaskedJson(value: unknown, shown: unknown): boolean {
  if (Array.isArray(value)) return Array.isArray(shown) && value.every((item, i) => isMaskedJson(item, shown[i]));
  return value === null ? shown === null : typeof shown === "string";
}

test("no mask shows every character", () => {
  const hiding = ["keep", "mask", "keep_range", "before", "after", "name", "email", "address", "landline"];
  const alphabet = [..."张欧阳三·• John@-0571区1.:𠮷"];
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  for (let round = 0; round < 2_000; round++) {
    const value = Array.from({ length: 1 + random(11) }, () => alphabet[random(alphabet.length)]).join("");
    const algorithm = hiding[random(hiding.length)] as string;
    // Asked with a mask character that no value has, each mask must use it.
    const shown = masks.apply(algorithm, { ...TEXT_MASKS[algorithm], char: "■" }, value) as string;
    assert.ok(shown.includes("■"), algorithm);
  }
});

test("what is no JSON is masked in full", () => {
  for (const value of ["\ud800", "a\udfffb", Number.NaN, new Date(0), new Set([1]), undefined, () => 1, Symbol("s")]) {
    for (const algorithm of Object.keys(TEXT_MASKS)) {
      assert.equal(masks.apply(algorithm, TEXT_MASKS[algorithm], value, { keys: () => KEY }), "***", algorithm);
    }
  }
});

test("the text of a number has no exponent and reads back as the same number", () => {
  const cases: [number | bigint, string | undefined][] = [
    [50, "50"],
    [-0, "0"],
    [1e21, `1${"0".repeat(21)}`],
    [1.5e-7, "0.00000015"],
    [-1.25e-10, "-0.000000000125"],
    [Number.MAX_VALUE, `17976931348623157${"0".repeat(292)}`],
    [123456789012345678901234567890n, "123456789012345678901234567890"],
    [10n ** 500n, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [Number.NaN, undefined],
  ];
  for (const [value, text] of cases) {
    assert.equal(numberText(value), text);
    if (text !== undefined && typeof value === "number") assert.ok(Number(text) === value);
  }
  assert.equal(numberText(Number.MIN_VALUE)?.length, 326);
});

test("decimals keep their digits", () => {
  class Lossless {
    constructor(readonly value: string) {}
  }
  const decimalTextOf = (value: object) => (value instanceof Lossless ? value.value : undefined);
  const settings = { decimalText: decimalTextOf };
  assert.equal(
    masks.apply("keep", { suffix: 2 }, new Lossless("12345678901234567.50"), settings),
    "******************50",
  );
  assert.equal(masks.apply("keep", { suffix: 2 }, new Lossless("12345678901234567.50")), "***");
  for (const [text, plain] of [
    ["12.50", "12.50"],
    ["1E+3", "1000"],
    ["1e-3", "0.001"],
    ["-1.25e1", "-12.5"],
    ["x", undefined],
    ["1e1000000", undefined],
    ["", undefined],
  ] as const) {
    assert.equal(decimalText(text), plain);
  }
});

test("lists deeper than JSON is ever nested end masked", () => {
  let value: Json = "13812348000";
  for (let i = 0; i < 500; i++) value = [value];
  let shown: Json = masks.apply("keep", { prefix: 3 }, value);
  for (let i = 0; i < masks.MAX_DEPTH; i++) [shown] = shown;
  assert.equal(shown, "***");
});

test("a masker says why it cannot", () => {
  const refused = (algorithm: string, parameters: masks.Parameters, why: RegExp) =>
    assert.throws(
      () => masks.masker(algorithm, parameters),
      (error) => error instanceof MaskUnavailableError && error.code === "mask" && why.test(error.message),
    );
  refused("tokenize", {}, /does not know the algorithm `tokenize`/);
  refused("toString", {}, /does not know the algorithm/);
  refused("keep", { clusters: 1 }, /does not know the parameter `clusters` of `keep`/);
  refused("hash", { key: "k9" }, /there is no key `k9`/);
  refused("encrypt", { key: "k9" }, /there is no key `k9` of 16, 24, 32 bytes/);
});

test("a key that cannot be read drops the field", () => {
  const keys = () => {
    throw new KeyUnavailableError("key file cannot be read");
  };
  for (const algorithm of ["hash", "encrypt", "fpe"]) {
    assert.equal(masks.apply(algorithm, { key: "k" }, "13812348000", { keys }), masks.DROP);
  }
});

test("ages count to today by default", () => {
  const year = new Date().getFullYear() - 41;
  assert.equal(masks.apply("date_trunc", { unit: "age" }, `${year}-01-01`), "40–49");
});

test("what encrypt makes is read back by who holds the key, and by nobody else", () => {
  for (const [cipher, key] of [
    ["aes-gcm", KEY],
    ["aes-gcm", KEY.subarray(0, 24)],
    ["sm4-gcm", KEY.subarray(0, 16)],
  ] as const) {
    const keys = (id: string) => (id === "k-1" ? key : undefined);
    for (const value of ["13812348000", "张三 𠮷", "\ufeffx"]) {
      const sealed = masks.apply("encrypt", { key: "k-1", cipher }, value, { keys }) as string;
      assert.notEqual(sealed, masks.apply("encrypt", { key: "k-1", cipher }, value, { keys }));
      assert.equal(masks.decrypt(sealed, keys), value);
      const other = `${sealed.slice(0, -1)}${sealed.endsWith("A") ? "Q" : "A"}`;
      for (const [text, provider] of [
        [other, keys],
        [sealed, () => Buffer.alloc(16, 1)],
        [sealed, () => undefined],
        ["***", keys],
        ["", keys],
      ] as const) {
        assert.throws(() => masks.decrypt(text, provider), KeyUnavailableError);
      }
    }
  }
  assert.equal(masks.apply("encrypt", { key: "k", cipher: "sm4-gcm" }, "x", { keys: () => KEY }), masks.DROP);
});

test("what fpe makes keeps its form and is read back", () => {
  const keys = () => KEY;
  for (const [parameters, value] of [
    [{ key: "k" }, "138-1234-8000"],
    [{ key: "k", tweak: "客户" }, "6222021234567890123"],
    [{ key: "k", alphabet: "alnum" }, "苏D4000X"],
    [{ key: "k", alphabet: "alnum-case" }, "aZ09.bY18"],
  ] as const) {
    const shown = masks.apply("fpe", parameters, value, { keys }) as string;
    assert.notEqual(shown, value);
    assert.equal([...shown].length, [...value].length);
    assert.equal(masks.fpeDecrypt(shown, parameters, keys), value);
  }
  assert.equal(masks.apply("fpe", { key: "k" }, "12345", { keys }), "***");
  assert.equal(masks.apply("fpe", { key: "k" }, "1".repeat(65), { keys }), "***");
});

// NIST, FF1 samples: https://csrc.nist.gov/CSRC/media/Projects/Cryptographic-Standards-and-Guidelines/documents/examples/FF1samples.pdf
const FF1_SAMPLES = [
  ["2B7E151628AED2A6ABF7158809CF4F3C", 10, "", "0123456789", "2433477484"],
  ["2B7E151628AED2A6ABF7158809CF4F3C", 10, "39383736353433323130", "0123456789", "6124200773"],
  ["2B7E151628AED2A6ABF7158809CF4F3C", 36, "3737373770717273373737", "0123456789abcdefghi", "a9tv40mll9kdu509eum"],
  ["2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F", 10, "", "0123456789", "2830668132"],
  ["2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F", 10, "39383736353433323130", "0123456789", "2496655549"],
  [
    "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F",
    36,
    "3737373770717273373737",
    "0123456789abcdefghi",
    "xbj3kv35jrawxv32ysr",
  ],
  ["2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94", 10, "", "0123456789", "6657667009"],
  [
    "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94",
    10,
    "39383736353433323130",
    "0123456789",
    "1001623463",
  ],
  [
    "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94",
    36,
    "3737373770717273373737",
    "0123456789abcdefghi",
    "xs8a0azh2avyalyzuwd",
  ],
] as const;

test("FF1 gives NIST's samples, both ways", () => {
  for (const [key, radix, tweak, plain, sealed] of FF1_SAMPLES) {
    const [from, to] = [plain, sealed].map((text) => [...text].map((ch) => Number.parseInt(ch, 36)));
    const args = [Buffer.from(key, "hex"), radix, Buffer.from(tweak, "hex")] as const;
    assert.deepEqual(ff1(...args, from as number[]), to);
    assert.deepEqual(ff1(...args, to as number[], true), from);
  }
});
