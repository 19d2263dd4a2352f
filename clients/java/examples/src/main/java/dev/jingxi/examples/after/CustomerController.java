package dev.jingxi.examples.after;

import dev.jingxi.client.Action;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Masked;
import dev.jingxi.client.Subject;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

/** Screen 1201: a customer with all accounts. */
@RestController
public class CustomerController {
    private final CustomerStore customers;
    private final Tellers tellers;
    private final JingxiClient jingxi;

    CustomerController(CustomerStore customers, Tellers tellers, JingxiClient jingxi) {
        this.customers = customers;
        this.tellers = tellers;
        this.jingxi = jingxi;
    }

    /** Shows a customer. */
    @GetMapping("/customers/{number}")
    public Object customer(@PathVariable String number, @RequestHeader("X-Teller") String tellerNumber) {
        Tellers.Teller teller = tellers.signedIn(tellerNumber);
        Object customer = customers.find(number).orElseThrow(() -> new ResponseStatusException(HttpStatus.NOT_FOUND));
        Masked masked = jingxi.mask(customer, MaskRequest.of("core-counter", "customer-detail", subject(teller))
                .action(Action.of("query"))
                .context("menu", "1201")
                .context("channel", "counter")
                .context("scenario", "processing"));
        return masked.message();
    }

    private static Subject subject(Tellers.Teller teller) {
        return Subject.of(teller.number()).roles(teller.role())
                .with("level", teller.level())
                .with("branch", teller.branch());
    }
}
