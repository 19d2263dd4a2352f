/** FF1 of NIST SP 800-38G: encryption that keeps the length and the alphabet of a number string. Never FF3. */
import { createCipheriv } from "node:crypto";

const ROUNDS = 10;

/**
 * Return the numerals of a ciphertext or, with `decrypt`, of a plaintext. `key` has 16, 24 or 32 bytes; `numerals` are
 * below `radix`.
 */
export function ff1(
  key: Uint8Array,
  radix: number,
  tweak: Uint8Array,
  numerals: readonly number[],
  decrypt = false,
): number[] {
  const n = numerals.length;
  const u = Math.floor(n / 2);
  const v = n - u;
  const base = BigInt(radix);
  // As many bytes as the greatest number of v numerals has.
  const b = Math.ceil((base ** BigInt(v) - 1n).toString(2).length / 8);
  const d = 4 * Math.ceil(b / 4) + 4;
  const p = Buffer.alloc(16);
  p.set([1, 2, 1, radix >> 16, (radix >> 8) & 255, radix & 255, ROUNDS, u & 255]);
  p.writeUInt32BE(n, 8);
  p.writeUInt32BE(tweak.length, 12);
  const padding = (((-tweak.length - b - 1) % 16) + 16) % 16;
  const q = Buffer.alloc(tweak.length + padding + 1 + b);
  q.set(tweak);
  let a = toNumber(numerals.slice(0, u), base);
  let c = toNumber(numerals.slice(u), base);
  for (let step = 0; step < ROUNDS; step++) {
    const i = decrypt ? ROUNDS - 1 - step : step;
    const other = decrypt ? a : c;
    q[tweak.length + padding] = i;
    q.set(Buffer.from(other.toString(16).padStart(2 * b, "0"), "hex"), tweak.length + padding + 1);
    const y = BigInt(`0x${expand(key, prf(key, Buffer.concat([p, q])), d).toString("hex")}`);
    const modulus = base ** BigInt(i % 2 === 0 ? u : v);
    if (decrypt) {
      const previous = (((c - y) % modulus) + modulus) % modulus;
      c = a;
      a = previous;
    } else {
      const next = (a + y) % modulus;
      a = c;
      c = next;
    }
  }
  return [...toNumerals(a, base, u), ...toNumerals(c, base, v)];
}

/** The last block of AES-CBC over whole blocks with an IV of zeros. */
function prf(key: Uint8Array, blocks: Buffer): Buffer {
  const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, Buffer.alloc(16)).setAutoPadding(false);
  return cipher.update(blocks).subarray(-16);
}

/** Return the first `length` bytes of R, CIPH(R ⊕ 1), CIPH(R ⊕ 2)… */
function expand(key: Uint8Array, r: Buffer, length: number): Buffer {
  const blocks = [r];
  for (let j = 1; j * 16 < length; j++) {
    const block = Buffer.from(r);
    block.writeUInt32BE((block.readUInt32BE(12) ^ j) >>> 0, 12);
    const cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
    blocks.push(cipher.update(block));
  }
  return Buffer.concat(blocks).subarray(0, length);
}

function toNumber(numerals: readonly number[], base: bigint): bigint {
  return numerals.reduce((sum, numeral) => sum * base + BigInt(numeral), 0n);
}

function toNumerals(number: bigint, base: bigint, length: number): number[] {
  const found: number[] = new Array<number>(length);
  let rest = number;
  for (let i = length - 1; i >= 0; i--) {
    found[i] = Number(rest % base);
    rest /= base;
  }
  return found;
}
