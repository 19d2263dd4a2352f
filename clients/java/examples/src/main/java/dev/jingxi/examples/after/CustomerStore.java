package dev.jingxi.examples.after;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.Optional;
import org.springframework.stereotype.Repository;

/** Where the counter system has its customers from. */
@Repository
public class CustomerStore {
    private final Map<String, Object> customers;

    CustomerStore(ObjectMapper json) throws IOException {
        try (InputStream in = CustomerStore.class.getResourceAsStream("/customers.json")) {
            customers = json.readerForMapOf(Object.class).readValue(in);
        }
    }

    Optional<Object> find(String number) {
        return Optional.ofNullable(customers.get(number));
    }
}
