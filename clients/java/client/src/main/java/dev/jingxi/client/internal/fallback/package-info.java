/** What happens while no verdict can be had: breaker, failure rule, alarm, and the report afterwards. */
package dev.jingxi.client.internal.fallback;
