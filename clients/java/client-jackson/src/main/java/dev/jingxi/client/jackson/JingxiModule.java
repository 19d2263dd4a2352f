package dev.jingxi.client.jackson;

import com.fasterxml.jackson.core.Version;
import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.SerializationConfig;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.BeanPropertyWriter;
import com.fasterxml.jackson.databind.ser.BeanSerializerModifier;
import java.util.ArrayList;
import java.util.List;

/** Makes an ObjectMapper heed {@link Masked}. */
public final class JingxiModule extends SimpleModule {
    private static final long serialVersionUID = 1L;

    /** Makes it; register it with an ObjectMapper. */
    public JingxiModule() {
        super("jingxi", Version.unknownVersion());
        setSerializerModifier(new Modifier());
    }

    private static final class Modifier extends BeanSerializerModifier {
        private static final long serialVersionUID = 1L;

        @Override
        public List<BeanPropertyWriter> changeProperties(SerializationConfig config, BeanDescription description,
                List<BeanPropertyWriter> properties) {
            List<BeanPropertyWriter> changed = new ArrayList<>(properties.size());
            for (BeanPropertyWriter property : properties) {
                Masked masked = property.getAnnotation(Masked.class);
                changed.add(masked == null ? property : new MaskedWriter(property, masked.field()));
            }
            return changed;
        }
    }
}
