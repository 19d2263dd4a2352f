/**
 * Masks Jackson trees, and beans whose properties say which field of the dictionary they are.
 *
 * <pre>{@code
 * class Customer {
 *     public String no;
 *     @Masked(field = "mobile") public String mobile;
 * }
 * String json = new BeanMasking(client, mapper, keys).write(customer, FieldsRequest.of(teller).resource(…));
 * }</pre>
 */
package dev.jingxi.client.jackson;
