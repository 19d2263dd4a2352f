package dev.jingxi.examples.after;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** A counter system: tellers look customers up. */
@SpringBootApplication
public class CounterApplication {
    /** Runs it. */
    public static void main(String[] arguments) {
        SpringApplication.run(CounterApplication.class, arguments);
    }
}
