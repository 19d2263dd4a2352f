/** Bundles: read, verified and tried before they come into use. */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { BundleError, ConfigurationError, JingxiError } from "../errors.js";
import { type Bundle, BundleSchema, type SignedBundle, SignedBundleSchema } from "../gen/pdp/v1/bundle_pb.js";
import { DecideRequestSchema } from "../gen/pdp/v1/decision_service_pb.js";
import { Effect, type Mask } from "../gen/pdp/v1/types_pb.js";
import { maskOf } from "../message-map.js";
import { Program } from "./program.js";

/** The largest bundle, in bytes. */
export const MAX_BUNDLE = 64 * 1_024 * 1_024;

const FORMAT = 1;
const SIGNED_AS = Buffer.from("jingxi revision 1\0");
const PUBLIC_KEY = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g;

/** The public keys that a client trusts, by id. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

/** Read Ed25519 public keys from PEM files. Throws ConfigurationError. */
export function trustedKeys(paths: readonly string[]): TrustedKeys {
  const found = new Map<string, KeyObject>();
  for (const path of paths) {
    try {
      for (const pem of readFileSync(path, "latin1").match(PUBLIC_KEY) ?? []) {
        const key = createPublicKey(pem);
        const raw = Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");
        if (key.asymmetricKeyType !== "ed25519") throw new Error("it is no Ed25519 key");
        found.set(createHash("sha256").update(raw).digest("hex").slice(0, 16), key);
      }
    } catch (error) {
      throw new ConfigurationError(`trusted key \`${path}\` cannot be read: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  if (found.size === 0) throw new ConfigurationError("`trust` names no public key; give PEM files of Ed25519 keys");
  return found;
}

/**
 * Return a bundle ready to decide. `atLeast` is the revision in use; a lower one is refused. Throws BundleError.
 */
export function load(data: Uint8Array, trusted: TrustedKeys, atLeast = 0n): Program {
  const signed = decoded(data);
  if (signed.bundle.length > MAX_BUNDLE) {
    throw new BundleError(`the bundle has more than ${MAX_BUNDLE} bytes`, "wrong_format");
  }
  if (createHash("sha256").update(signed.bundle).digest("hex") !== signed.hash) {
    throw new BundleError("the bundle does not match its hash: it was damaged or altered", "wrong_hash");
  }
  checkSignature(signed, trusted);
  const bundle = contentOf(signed);
  if (signed.revision < atLeast) {
    throw new BundleError(
      `revision ${signed.revision} is older than revision ${atLeast}, which is in use`,
      "goes_back",
    );
  }
  const program = programOf(bundle, signed);
  checkGoldenCases(program);
  return program;
}

/** Return a bundle ready to decide whose signature nobody looks at, for tools. Throws BundleError. */
export function loadUnverified(data: Uint8Array): Program {
  const signed = decoded(data);
  return programOf(contentOf(signed), signed);
}

function decoded(data: Uint8Array): SignedBundle {
  try {
    const signed = fromBinary(SignedBundleSchema, data);
    if (signed.bundle.length > 0) return signed;
  } catch (error) {
    throw new BundleError("what was given is no signed bundle", "wrong_format", { cause: error });
  }
  throw new BundleError("what was given holds no bundle", "wrong_format");
}

function checkSignature({ keyId, revision, hash, signature }: SignedBundle, trusted: TrustedKeys): void {
  if (signature.length === 0) throw new BundleError("the bundle is not signed", "bad_signature");
  const key = trusted.get(keyId);
  if (key === undefined)
    throw new BundleError(`the bundle is signed by the key \`${keyId}\`, which is not trusted`, "unknown_key");
  const number = Buffer.alloc(8);
  number.writeBigInt64BE(revision);
  const said = Buffer.concat([SIGNED_AS, number, Buffer.from(hash, "hex")]);
  if (!verify(null, said, key, signature)) {
    throw new BundleError(`the signature is not that of the key \`${keyId}\` over this bundle`, "bad_signature");
  }
}

function contentOf(signed: SignedBundle): Bundle {
  let bundle: Bundle;
  try {
    bundle = fromBinary(BundleSchema, signed.bundle);
  } catch (error) {
    throw new BundleError("the bundle cannot be decoded", "wrong_format", { cause: error });
  }
  if (bundle.format !== FORMAT) {
    throw new BundleError(`the bundle has format ${bundle.format}, this client reads format ${FORMAT}`, "wrong_format");
  }
  return bundle;
}

function programOf(bundle: Bundle, { hash, revision }: SignedBundle): Program {
  try {
    return new Program(bundle, hash, revision);
  } catch (error) {
    throw new BundleError(`a condition cannot be planned: ${(error as Error).message}`, "wrong_format", {
      cause: error,
    });
  }
}

function checkGoldenCases(program: Program): void {
  for (const golden of program.bundle.goldenCases) {
    const grants = new Map(golden.grants.map((grant) => [grant.id, grant]));
    let came = "";
    try {
      const reply = program.decide(fromBinary(DecideRequestSchema, golden.request), golden.nowNanos, grants);
      came = JSON.stringify(reply.verdicts.map((v) => [v.field, v.effect, shown(v.effect, reply.masks[v.mask])]));
    } catch (error) {
      if (!(error instanceof JingxiError)) throw error;
      came = error.message;
    }
    const wanted = JSON.stringify(golden.expected.map((e) => [e.field, e.effect, shown(e.effect, e.mask)]));
    if (came !== wanted) {
      throw new BundleError(`golden case \`${golden.name}\` comes out otherwise than the bundle says`, "golden_case");
    }
  }
}

/** Return a mask as comparable text; golden cases hold no name. */
function shown(effect: Effect, mask: Mask | undefined): string {
  if (effect !== Effect.MASK || mask === undefined) return "";
  const { algorithm, parameters } = maskOf(mask);
  return JSON.stringify([algorithm, Object.entries(parameters)], (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
}
