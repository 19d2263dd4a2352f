/**
 * Every error that the client throws on purpose; each class has a stable `code`.
 *
 * ```text
 * JingxiError                     internal
 * ├── DecisionUnavailableError    unavailable      no verdict could be had: service away, too slow or failed
 * │   └── RevisionTooOldError     stale_revision   the node's revision is below `minRevision`
 * ├── RequestRejectedError        invalid_request  the service found the question wrong; `violations` says where
 * │   └── UnknownMessageError     unknown_message  the application has no such message
 * ├── AccessDeniedError           access_denied    the service does not accept this caller
 * ├── ProtocolError               protocol         the service's answer does not fit the question
 * ├── MessageMismatchError        mismatch         the message is not shaped as its map says
 * ├── PathError                   path             a path of a message map cannot be read
 * ├── AttributeValueError         attribute        an attribute's value has no form that can be sent
 * ├── MaskUnavailableError        mask             a mask cannot be performed as told; the field is dropped
 * ├── KeyUnavailableError         key              a key cannot be read, or does not fit
 * ├── StateFolderError            state            the state folder cannot be used
 * ├── BundleError                 bundle           a bundle cannot be taken into use
 * ├── ConfigurationError          config           the client was set up wrongly
 * └── ClientClosedError           closed           the client was used after `close`
 * ```
 *
 * No message ever holds a value of the masked message.
 */
export class JingxiError extends Error {
  /** Stable over releases, for programs. */
  readonly code: string = "internal";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** No verdict could be had. */
export class DecisionUnavailableError extends JingxiError {
  override readonly code: string = "unavailable";
  /** The canonical gRPC code, such as `UNAVAILABLE` or `DEADLINE_EXCEEDED`. */
  readonly status: string;

  constructor(message: string, status = "UNAVAILABLE", options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** The node that answered has an older revision than `minRevision` or `minGrantRevision` asks for. */
export class RevisionTooOldError extends DecisionUnavailableError {
  override readonly code = "stale_revision";
}

/** What is wrong at one place of a question; `field` is a path such as `items[3].fields`. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** The service found the question wrong. */
export class RequestRejectedError extends JingxiError {
  override readonly code: string = "invalid_request";
  readonly violations: readonly Violation[];

  constructor(message: string, violations: readonly Violation[] = [], options?: ErrorOptions) {
    super(message, options);
    this.violations = violations;
  }
}

/** No message map for the named message. */
export class UnknownMessageError extends RequestRejectedError {
  override readonly code = "unknown_message";
}

/** The service does not accept this caller. */
export class AccessDeniedError extends JingxiError {
  override readonly code = "access_denied";
}

/** The service's answer does not fit the question. */
export class ProtocolError extends JingxiError {
  override readonly code = "protocol";
}

/** The message is not shaped as its map says, so that parts of it could slip through unmasked. */
export class MessageMismatchError extends JingxiError {
  override readonly code = "mismatch";
}

/** A path of a message map that cannot be read. */
export class PathError extends JingxiError {
  override readonly code = "path";
}

/** An attribute whose value has no form that can be sent. */
export class AttributeValueError extends JingxiError {
  override readonly code = "attribute";
}

/** A mask that cannot be performed exactly as told. */
export class MaskUnavailableError extends JingxiError {
  override readonly code = "mask";
}

/** A key that is there and cannot be used, or a text that was not made by it. */
export class KeyUnavailableError extends JingxiError {
  override readonly code = "key";
}

/** A state folder that another process uses, or that cannot be read or written. */
export class StateFolderError extends JingxiError {
  override readonly code = "state";
}

/**
 * A bundle that cannot be taken into use; `why` is `bad_signature`, `unknown_key`, `wrong_hash`, `wrong_format`,
 * `golden_case` or `goes_back`.
 */
export class BundleError extends JingxiError {
  override readonly code = "bundle";
  readonly why: string;

  constructor(message: string, why: string, options?: ErrorOptions) {
    super(message, options);
    this.why = why;
  }
}

/** A client set up wrongly. */
export class ConfigurationError extends JingxiError {
  override readonly code = "config";
}

/** A client used after `close`. */
export class ClientClosedError extends JingxiError {
  override readonly code = "closed";
}
