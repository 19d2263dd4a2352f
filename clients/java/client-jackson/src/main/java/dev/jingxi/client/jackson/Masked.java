package dev.jingxi.client.jackson;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Says that a property holds sensitive data. Once {@link JingxiModule} is registered, it is written as the decision at hand
 * says, and without a decision as {@code ***}: what nobody decided about is not shown.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.FIELD, ElementType.METHOD, ElementType.PARAMETER})
public @interface Masked {
    /** {@return the field of the dictionary} */
    String field();
}
