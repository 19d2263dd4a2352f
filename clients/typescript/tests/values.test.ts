/** Values, paths and keys. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { toJson } from "@bufbuild/protobuf";
import {
  AttributeValueError,
  double,
  duration,
  KeyUnavailableError,
  keysFromEnv,
  keysFromFolder,
  timestamp,
} from "@jingxi/client";
import { MessageMismatchError, PathError } from "../dist/errors.js";
import { AttributeType } from "../dist/gen/pdp/v1/bundle_pb.js";
import { ValueSchema } from "../dist/gen/pdp/v1/types_pb.js";
import * as paths from "../dist/paths.js";
import { plain, toValue, typedValue } from "../dist/values.js";
import type { Json } from "./support.js";

const shown = (value: ReturnType<typeof toValue>) => toJson(ValueSchema, value);

test("a value goes as its own type", () => {
  const table: [Json, Json][] = [
    ["x", { stringValue: "x" }],
    [true, { boolValue: true }],
    [5, { intValue: "5" }],
    [5n, { intValue: "5" }],
    [5.5, { doubleValue: 5.5 }],
    [double(5), { doubleValue: 5 }],
    [new Date("2026-03-02T10:00:00.5Z"), { timestampValue: "2026-03-02T10:00:00.500Z" }],
    [new Date("1969-12-31T23:59:59.5Z"), { timestampValue: "1969-12-31T23:59:59.500Z" }],
    [timestamp("2026-03-02T10:00:00.123456789+08:00"), { timestampValue: "2026-03-02T02:00:00.123456789Z" }],
    [duration("1h30m"), { durationValue: "5400s" }],
    [duration(-1_500_000_000n), { durationValue: "-1.500s" }],
    [["a", "b"], { stringList: { values: ["a", "b"] } }],
    [[], { stringList: {} }],
    [[1, 2n], { intList: { values: ["1", "2"] } }],
    [[1, 2.5], { doubleList: { values: [1, 2.5] } }],
    [[double(1)], { doubleList: { values: [1] } }],
    [{ a: "b" }, { stringMap: { entries: { a: "b" } } }],
    [new Map([["a", "b"]]), { stringMap: { entries: { a: "b" } } }],
  ];
  for (const [value, expected] of table) assert.deepEqual(shown(toValue(value)), expected);
});

test("what cannot be sent is refused", () => {
  const bad = [
    null,
    undefined,
    Symbol("x"),
    "\ud800",
    2n ** 63n,
    Number.NaN,
    new Date(Number.NaN),
    ["a", 1.5],
    { a: true },
  ];
  for (const value of [...bad, new Set([1]), new Array(1_001).fill("x"), duration("soon"), () => 1]) {
    assert.throws(() => toValue(value), AttributeValueError);
  }
});

test("a message's value goes as the declared type", () => {
  const { INT, DOUBLE, STRING, BOOL, DURATION, TIMESTAMP, DOUBLE_LIST } = AttributeType;
  const table: [AttributeType, Json, Json][] = [
    [INT, 5, { intValue: "5" }],
    [INT, "-12", { intValue: "-12" }],
    [INT, "+12", { intValue: "12" }],
    [INT, 1e15, { intValue: "1000000000000000" }],
    [DOUBLE, 5, { doubleValue: 5 }],
    [DOUBLE, "1,234.50", { doubleValue: 1234.5 }],
    [STRING, 50, { stringValue: "50" }],
    [BOOL, "false", { boolValue: false }],
    [DURATION, "-1.5s", { durationValue: "-1.500s" }],
    [DURATION, "1h2m3s4ms5us6ns", { durationValue: "3723.004005006s" }],
    [TIMESTAMP, "2026-03-02T10:00:00+08:00", { timestampValue: "2026-03-02T02:00:00Z" }],
    [DOUBLE_LIST, [1, "2.5"], { doubleList: { values: [1, 2.5] } }],
  ];
  for (const [type, value, expected] of table) assert.deepEqual(shown(typedValue(value, type)), expected);
});

test("what does not fit is refused without being quoted", () => {
  const { INT, DOUBLE, STRING, BOOL, DURATION, TIMESTAMP, STRING_LIST, STRING_MAP, UNSPECIFIED } = AttributeType;
  const table: [AttributeType, Json][] = [
    [INT, "5.0"],
    [INT, true],
    [INT, 1.5],
    [INT, "9223372036854775808"],
    [DOUBLE, "1e400"],
    [DOUBLE, "secret"],
    [DOUBLE, 10n ** 400n],
    [STRING, ["secret"]],
    [STRING, true],
    [BOOL, "yes"],
    [BOOL, 1],
    [TIMESTAMP, "secret"],
    [TIMESTAMP, "2026-03-02"],
    [TIMESTAMP, "2026-02-30T00:00:00Z"],
    [TIMESTAMP, "2026-03-02T24:00:00Z"],
    [TIMESTAMP, "0000-12-31T00:00:00Z"],
    [TIMESTAMP, 5],
    [DURATION, "secret"],
    [DURATION, "999999999h"],
    [STRING_LIST, "secret"],
    [STRING_MAP, ["secret"]],
    [UNSPECIFIED, "secret"],
  ];
  for (const [type, value] of table) {
    assert.throws(
      () => typedValue(value, type),
      (error) => error instanceof AttributeValueError && !error.message.includes("secret") && error.cause === undefined,
    );
  }
});

test("plain knows the kinds of parameters only", () => {
  assert.deepEqual(plain(toValue(["a"])), ["a"]);
  assert.deepEqual(plain(toValue([1])), [1]);
  assert.equal(plain(toValue(2n ** 60n)), 2n ** 60n);
  assert.equal(plain(toValue(1.5)), null);
});

const DOCUMENT = {
  customer: { no: "C1", "手机 号": "138", "a'b\\c": 1, gone: null },
  rows: [{ no: 1 }, { no: 2 }, null, {}],
  matrix: [[1, 2], [], [3]],
};

test("paths find places", () => {
  for (const [path, wanted] of [
    ["$.customer.no", ["C1"]],
    ["$['customer']['no']", ["C1"]],
    ["$.customer['手机 号']", ["138"]],
    [String.raw`$.customer['a\'b\\c']`, [1]],
    ["$.customer.gone", [null]],
    ["$.customer.gone.further", []],
    ["$.nobody.no", []],
    ["$.rows[*].no", [1, 2]],
    ["$.matrix[*][*]", [1, 2, 3]],
  ] as const) {
    const found = paths.find(DOCUMENT, paths.parse(path));
    assert.deepEqual(
      found.map(([, value]) => value),
      wanted,
      path,
    );
    for (const [place, value] of found) assert.equal(paths.get(DOCUMENT, place), value);
  }
});

test("what is no path is refused", () => {
  const texts = ["", "customer", "$customer", "$.", "$..no", "$.a b", "$.1a", "$[0]", "$[*", "$['']", "$['a", '$["a"]'];
  for (const text of [...texts, "$.rows[?(@.no)]", "$.*", "$ .a", "$.a.", "$['a\\x']", "$.a\n", "$.\ud800"]) {
    assert.throws(() => paths.parse(text), PathError, text);
  }
});

test("another shape is a mismatch that names the place", () => {
  for (const [path, place] of [
    ["$.customer.no.x", "`$.customer.no`"],
    ["$.customer[*]", "`$.customer`"],
    ["$.rows.no", "`$.rows`"],
    ["$.matrix[*].x", "`$.matrix[0]`"],
  ] as const) {
    assert.throws(
      () => paths.find(DOCUMENT, paths.parse(path)),
      (error) => error instanceof MessageMismatchError && error.message.includes(place),
    );
  }
});

test("removing items keeps the places of the others true", () => {
  const document = [...Array(12).keys()];
  const gone = [[2], [10], [2], [0], [11], [99]];
  assert.deepEqual(paths.remove(document, gone), [1, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(paths.remove({}, [[]]), null);
});

test("keys come from the environment and from files", () => {
  const folder = mkdtempSync(join(tmpdir(), "jingxi-keys-"));
  const key = Buffer.from("0123456789abcdef");
  process.env.JINGXI_KEY_ID_CARD_2026 = key.toString("base64");
  assert.deepEqual(keysFromEnv()("id-card.2026"), key);
  assert.equal(keysFromEnv()("other"), undefined);
  assert.equal(keysFromEnv()("../x"), undefined);
  writeFileSync(join(folder, "k1"), `${key.toString("base64")}\n`);
  writeFileSync(join(folder, "short"), "AAAA");
  writeFileSync(join(folder, "text"), "no base64!");
  const keys = keysFromFolder(folder);
  assert.deepEqual(keys("k1"), key);
  assert.equal(keys("k2"), undefined);
  assert.equal(keys("../k1"), undefined);
  assert.throws(() => keys("short"), /holds 3 bytes/);
  assert.throws(() => keys("text"), KeyUnavailableError);
  rmSync(folder, { recursive: true });
});
