/** Sets up a client from {@code jingxi.*} properties, for Spring Boot 3. */
package dev.jingxi.client.spring;
