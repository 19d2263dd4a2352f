package dev.jingxi.examples.before;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import dev.jingxi.client.spring.JingxiAutoConfiguration;

/** A counter system: tellers look customers up. */
@SpringBootApplication(exclude = JingxiAutoConfiguration.class)
public class CounterApplication {
    /** Runs it. */
    public static void main(String[] arguments) {
        SpringApplication.run(CounterApplication.class, arguments);
    }
}
