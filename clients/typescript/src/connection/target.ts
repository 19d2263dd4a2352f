/** Where the service is: gRPC's names of addresses, and which of them are this machine. */
import { isIP } from "node:net";
import { ConfigurationError } from "../errors.js";

/** A host and port to be looked up or used as they are, or a Unix socket. */
export type Endpoint =
  | { readonly kind: "host"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/**
 * Return the endpoints of targets such as `pdp.bank.example:7070`, `dns:///pdp:7070`, `ipv4:10.0.0.1:7070,10.0.0.2:7070`,
 * `[2001:db8::1]:7070` and `unix:/run/pdp.sock`. Throws ConfigurationError.
 */
export function endpointsOf(target: string | readonly string[]): Endpoint[] {
  const found = (typeof target === "string" ? [target] : target).flatMap(endpointsOfOne);
  if (found.length === 0) throw new ConfigurationError("there is no `target`; name the service, such as `pdp:7070`");
  return found;
}

/** Whether every endpoint is this machine's loopback or a Unix socket. */
export function areLocal(endpoints: readonly Endpoint[]): boolean {
  return endpoints.every((e) => e.kind === "unix" || isLoopback(e.host));
}

function endpointsOfOne(target: string): Endpoint[] {
  const unix = /^unix:(?:\/\/)?(.+)$/.exec(target);
  if (unix?.[1] !== undefined) return [{ kind: "unix", path: unix[1] }];
  const list = /^(?:dns:(?:\/\/[^/]*\/)?|ipv[46]:)?(.*)$/.exec(target)?.[1] ?? "";
  return list.split(",").map((address) => {
    const match = /^(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^:/[\]]+)):([0-9]{1,5})$/.exec(address);
    const port = Number(match?.[3]);
    const host = match?.[1] ?? match?.[2];
    if (host === undefined || port < 1 || port > 65_535) {
      throw new ConfigurationError(
        `target \`${target}\` cannot be read; write \`host:port\`, \`ipv4:…\` or \`unix:…\``,
      );
    }
    return { kind: "host", host, port };
  });
}

function isLoopback(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}
