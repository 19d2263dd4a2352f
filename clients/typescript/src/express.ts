/**
 * Middleware for Express: routes mask what they send without code of their own.
 *
 * ```ts
 * app.use(jingxi({ client, application: "core-counter", question: (request) => ({ subject: { id: request.user.id } }) }));
 * app.get("/customers/:no", async (request, response) => {
 *   await response.maskedJson("customer-detail", await customers.find(request.params.no));
 * });
 * ```
 *
 * @module
 */

import type { Request, RequestHandler, Response } from "express";
import type { MaskOptions, Question } from "./client.js";
import type { Masked } from "./decisions.js";

declare global {
  namespace Express {
    interface Response {
      /**
       * Send a JSON message masked, as the policy set's map of this name says; `more` wins over what the middleware was told.
       * Rejects with what `mask` throws, and nothing is sent then. Returns what was decided.
       */
      maskedJson(name: string, message: unknown, more?: Partial<Question>): Promise<Masked>;
    }
  }
}

/** What masks: a `Client` or an `OfflineClient`. */
export interface Masker {
  mask<T>(message: T, options: MaskOptions): Promise<Masked<T>>;
}

/** How the middleware masks. */
export interface JingxiOptions {
  readonly client: Masker;
  /** The application, as the policy set's message maps name it. */
  readonly application: string;
  /** Who asks, what for and from where, out of a request that was signed in. */
  readonly question: (request: Request) => Question | Promise<Question>;
  /** Is told what was decided before the message is sent: obligations, problems, fallback. What it throws, nothing is sent for. */
  readonly decided?: ((masked: Masked, request: Request, response: Response) => void | Promise<void>) | undefined;
}

/** Gives every response `maskedJson`. */
export function jingxi({ client, application, question, decided }: JingxiOptions): RequestHandler {
  return (request, response, next) => {
    response.maskedJson = async (name, message, more = {}) => {
      const asked = await question(request);
      const masked = await client.mask(message, { ...asked, ...more, application, name });
      await decided?.(masked, request, response);
      // What one teller may see must not be kept for another.
      response.set("Cache-Control", "no-store").json(masked.message);
      return masked;
    };
    next();
  };
}
