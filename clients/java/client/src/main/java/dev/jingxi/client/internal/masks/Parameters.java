package dev.jingxi.client.internal.masks;

import dev.jingxi.client.errors.MaskUnavailableException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A mask's parameters, complete with defaults and of the right kinds. */
final class Parameters {
    private final Map<String, Object> values;

    private Parameters(Map<String, Object> values) {
        this.values = values;
    }

    /** Checks what is given. Throws MaskUnavailableException for what this client does not know. */
    static Parameters read(String algorithm, Map<String, Parameter> known, Map<String, ?> given) {
        for (String name : given.keySet()) {
            if (!known.containsKey(name)) {
                throw new MaskUnavailableException(
                        "this client does not know the parameter `" + name + "` of `" + algorithm + "`");
            }
        }
        Map<String, Object> values = new HashMap<>();
        for (Map.Entry<String, Parameter> entry : known.entrySet()) {
            String name = entry.getKey();
            Parameter parameter = entry.getValue();
            if (!given.containsKey(name)) {
                if (parameter.required) {
                    throw wrong(algorithm, name);
                }
                if (parameter.value != null) {
                    values.put(name, parameter.value);
                }
                continue;
            }
            Object value = given.get(name);
            if (value == null || !parameter.kind.accepts(value)) {
                throw wrong(algorithm, name);
            }
            values.put(name, value);
        }
        return new Parameters(values);
    }

    boolean has(String name) {
        return values.containsKey(name);
    }

    /** Returns a whole number, which its kind bounds. */
    int number(String name) {
        return ((Number) values.get(name)).intValue();
    }

    String text(String name) {
        return (String) values.get(name);
    }

    @SuppressWarnings("unchecked")
    List<String> texts(String name) {
        return (List<String>) values.get(name);
    }

    private static MaskUnavailableException wrong(String algorithm, String name) {
        return new MaskUnavailableException("parameter `" + name + "` of `" + algorithm + "` is missing or wrong");
    }
}
