package dev.jingxi.client.jackson;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jingxi.client.Decision;
import dev.jingxi.client.FieldsRequest;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.KeyProvider;
import java.util.Set;

/** Writes beans whose properties carry {@link Masked}, as the service decides. */
public final class BeanMasking {
    private final JingxiClient client;
    private final ObjectMapper mapper;
    private final KeyProvider keys;

    /**
     * Makes it.
     *
     * @param client who decides
     * @param mapper who writes; {@link JingxiModule} must be registered with it, and is where it is not
     * @param keys keys for the masks that need them
     */
    public BeanMasking(JingxiClient client, ObjectMapper mapper, KeyProvider keys) {
        this.client = client;
        this.keys = keys;
        this.mapper = mapper.getRegisteredModuleIds().contains("jingxi")
                ? mapper : mapper.copy().registerModule(new JingxiModule());
    }

    /**
     * {@return a bean as JSON, its annotated properties masked as the service decides about one resource}
     *
     * @param bean the bean; it is not changed
     * @param request who asks and about what; its fields are those that the bean carries
     * @throws JsonProcessingException when the bean cannot be written
     * @throws dev.jingxi.client.errors.DecisionUnavailableException when no verdict can be had
     */
    public String write(Object bean, FieldsRequest request) throws JsonProcessingException {
        Decided collecting = Decided.collecting();
        String nothing = mapper.writer().withAttribute(Decided.class, collecting).writeValueAsString(bean);
        Set<String> fields = collecting.fields();
        if (fields.isEmpty()) {
            return nothing;
        }
        Decision decision = client.decide(request.fields(fields));
        return mapper.writer().withAttribute(Decided.class, Decided.by(decision, keys)).writeValueAsString(bean);
    }
}
