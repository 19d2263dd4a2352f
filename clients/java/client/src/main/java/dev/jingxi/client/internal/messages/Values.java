package dev.jingxi.client.internal.messages;

import dev.jingxi.client.errors.AttributeValueException;
import dev.jingxi.client.internal.masks.Codes;
import dev.jingxi.client.internal.masks.Figures;
import dev.jingxi.client.internal.masks.Numbers;
import dev.jingxi.pdp.v1.AttributeType;
import dev.jingxi.pdp.v1.DoubleList;
import dev.jingxi.pdp.v1.IntList;
import dev.jingxi.pdp.v1.StringList;
import dev.jingxi.pdp.v1.StringMap;
import dev.jingxi.pdp.v1.Value;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * From Java and JSON values to the typed values of a request. Errors never quote the value.
 *
 * <pre>
 * string         text; of a message also the text of a number
 * int            whole numbers of 64 bits; of a message also decimals without fraction, text such as "12"
 * double         numbers; of a message also text such as "1,234.56"
 * bool           booleans; of a message also "true", "false"
 * timestamp      Instant, OffsetDateTime, ZonedDateTime, Date; text such as "2026-03-02T10:00:00+08:00"
 * duration       Duration; text such as "1h30m"
 * list, map      lists of these; maps of texts
 * </pre>
 */
public final class Values {
    private static final int MAX_LIST = 1_000;
    private static final Pattern INT = Pattern.compile("[+-]?[0-9]{1,19}");

    private Values() {}

    /** Returns whether an attribute type is one of the list types. */
    static boolean isList(AttributeType type) {
        return type == AttributeType.ATTRIBUTE_TYPE_STRING_LIST
                || type == AttributeType.ATTRIBUTE_TYPE_INT_LIST
                || type == AttributeType.ATTRIBUTE_TYPE_DOUBLE_LIST;
    }

    /** Returns a Java value as its own type says. Throws AttributeValueException. */
    public static Value of(Object value) {
        return typed(value, typeOf(value));
    }

    private static AttributeType typeOf(Object value) {
        if (value instanceof Boolean) {
            return AttributeType.ATTRIBUTE_TYPE_BOOL;
        }
        if (isText(value)) {
            return AttributeType.ATTRIBUTE_TYPE_STRING;
        }
        if (value instanceof Number) {
            return isWhole(value) ? AttributeType.ATTRIBUTE_TYPE_INT : AttributeType.ATTRIBUTE_TYPE_DOUBLE;
        }
        if (Times.isTime(value)) {
            return AttributeType.ATTRIBUTE_TYPE_TIMESTAMP;
        }
        if (value instanceof Duration) {
            return AttributeType.ATTRIBUTE_TYPE_DURATION;
        }
        if (value instanceof Map) {
            return AttributeType.ATTRIBUTE_TYPE_STRING_MAP;
        }
        if (value instanceof Collection || value instanceof Object[]) {
            List<?> items = list(value);
            if (items.stream().anyMatch(item -> item instanceof Number && !isWhole(item))) {
                return AttributeType.ATTRIBUTE_TYPE_DOUBLE_LIST;
            }
            return items.stream().anyMatch(item -> item instanceof Number)
                    ? AttributeType.ATTRIBUTE_TYPE_INT_LIST : AttributeType.ATTRIBUTE_TYPE_STRING_LIST;
        }
        throw new AttributeValueException("a value of Java type `" + name(value) + "` cannot be sent");
    }

    /** Returns a Java or JSON value as a declared type. Throws AttributeValueException. */
    public static Value typed(Object value, AttributeType type) {
        Value.Builder builder = Value.newBuilder();
        switch (type) {
            case ATTRIBUTE_TYPE_STRING:
                return builder.setStringValue(string(value)).build();
            case ATTRIBUTE_TYPE_INT:
                return builder.setIntValue(whole(value)).build();
            case ATTRIBUTE_TYPE_DOUBLE:
                return builder.setDoubleValue(number(value)).build();
            case ATTRIBUTE_TYPE_BOOL:
                return builder.setBoolValue(truth(value)).build();
            case ATTRIBUTE_TYPE_TIMESTAMP:
                return builder.setTimestampValue(Times.timestamp(value)).build();
            case ATTRIBUTE_TYPE_DURATION:
                return builder.setDurationValue(Times.duration(value)).build();
            case ATTRIBUTE_TYPE_STRING_LIST:
                StringList.Builder texts = StringList.newBuilder();
                list(value).forEach(item -> texts.addValues(string(item)));
                return builder.setStringList(texts).build();
            case ATTRIBUTE_TYPE_INT_LIST:
                IntList.Builder ints = IntList.newBuilder();
                list(value).forEach(item -> ints.addValues(whole(item)));
                return builder.setIntList(ints).build();
            case ATTRIBUTE_TYPE_DOUBLE_LIST:
                DoubleList.Builder doubles = DoubleList.newBuilder();
                list(value).forEach(item -> doubles.addValues(number(item)));
                return builder.setDoubleList(doubles).build();
            case ATTRIBUTE_TYPE_STRING_MAP:
                return builder.setStringMap(map(value)).build();
            default:
                throw new AttributeValueException("its declared type is not known to this client; update the client");
        }
    }

    /** Returns the plain value of a mask's parameter; null for a kind that no parameter has. */
    public static Object plain(Value value) {
        switch (value.getKindCase()) {
            case STRING_VALUE:
                return value.getStringValue();
            case INT_VALUE:
                return value.getIntValue();
            case BOOL_VALUE:
                return value.getBoolValue();
            case STRING_LIST:
                return List.copyOf(value.getStringList().getValuesList());
            case INT_LIST:
                return List.copyOf(value.getIntList().getValuesList());
            default:
                return null;
        }
    }

    private static String string(Object value) {
        if (isText(value)) {
            String text = value.toString();
            if (Codes.hasLoneSurrogate(text)) {
                throw new AttributeValueException("the text holds a lone surrogate");
            }
            return text;
        }
        String text = value instanceof Number ? Numbers.text((Number) value) : null;
        if (text == null) {
            throw unfit(value, "a text");
        }
        return text;
    }

    private static long whole(Object value) {
        try {
            if (isText(value) && INT.matcher(value.toString()).matches()) {
                return new BigInteger(value.toString().replace("+", "")).longValueExact();
            }
            if (value instanceof Number) {
                return isWhole(value) && !(value instanceof BigInteger)
                        ? ((Number) value).longValue() : new BigDecimal(value.toString()).longValueExact();
            }
        } catch (ArithmeticException | NumberFormatException doesNotFit) {
            throw unfit(value, "a whole number of 64 bits");
        }
        throw unfit(value, "a whole number of 64 bits");
    }

    private static double number(Object value) {
        double found = Double.NaN;
        if (isText(value)) {
            BigDecimal parsed = Figures.parse(value.toString());
            found = parsed == null ? found : parsed.doubleValue();
        } else if (value instanceof Number) {
            found = ((Number) value).doubleValue();
        }
        if (!Double.isFinite(found)) {
            throw unfit(value, "a number");
        }
        return found;
    }

    private static boolean truth(Object value) {
        if (value instanceof Boolean) {
            return (Boolean) value;
        }
        if (isText(value) && (value.toString().equals("true") || value.toString().equals("false"))) {
            return value.toString().equals("true");
        }
        throw unfit(value, "true or false");
    }

    private static StringMap map(Object value) {
        if (!(value instanceof Map) || ((Map<?, ?>) value).size() > MAX_LIST) {
            throw unfit(value, "an object of texts");
        }
        StringMap.Builder builder = StringMap.newBuilder();
        ((Map<?, ?>) value).forEach((key, item) -> builder.putEntries(string(key), string(item)));
        return builder.build();
    }

    private static List<?> list(Object value) {
        List<?> found = value instanceof Object[] ? Arrays.asList((Object[]) value)
                : value instanceof Collection ? new ArrayList<>((Collection<?>) value) : null;
        if (found == null || found.size() > MAX_LIST) {
            throw unfit(value, "a list of at most " + MAX_LIST + " items");
        }
        return found;
    }

    private static boolean isText(Object value) {
        return value instanceof CharSequence || value instanceof Character;
    }

    private static boolean isWhole(Object value) {
        return value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte
                || value instanceof BigInteger;
    }

    static AttributeValueException unfit(Object value, String expected) {
        return new AttributeValueException("a value of type `" + name(value) + "` is not " + expected);
    }

    private static String name(Object value) {
        return value == null ? "null" : value.getClass().getSimpleName();
    }
}
