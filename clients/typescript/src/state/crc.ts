/** CRC-32 of IEEE 802.3; Node.js has it as `zlib.crc32`, but not before 20.15. */
import * as zlib from "node:zlib";

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

export const crc32: (data: Uint8Array) => number = zlib.crc32 ?? slowCrc32;

export function slowCrc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (TABLE[(crc ^ byte) & 255] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
