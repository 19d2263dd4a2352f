/**
 * Every exception that the client throws on purpose, all unchecked and each with a stable code.
 *
 * <pre>
 * JingxiException                       internal
 * ├── DecisionUnavailableException      unavailable      no verdict could be had
 * │   └── RevisionTooOldException       stale_revision   the node is older than asked for
 * ├── RequestRejectedException          invalid_request  the service found the question wrong
 * │   └── UnknownMessageException       unknown_message  the application has no such message
 * ├── AccessDeniedException             access_denied    the service does not accept this caller
 * ├── ProtocolException                 protocol         the answer does not fit the question
 * ├── MessageMismatchException          mismatch         the message is not shaped as its map says
 * ├── PathException                     path             a path of a message map cannot be read
 * ├── AttributeValueException           attribute        a value has no form that can be sent
 * ├── MaskUnavailableException          mask             a mask cannot be performed as told
 * ├── KeyUnavailableException           key              a key cannot be read
 * ├── BundleException                   bundle           a bundle cannot be used
 * ├── ConfigurationException            config           the client was set up wrongly
 * └── ClientClosedException             closed           the client was used after close
 * </pre>
 *
 * No message ever holds a value of the masked message.
 */
package dev.jingxi.client.errors;
