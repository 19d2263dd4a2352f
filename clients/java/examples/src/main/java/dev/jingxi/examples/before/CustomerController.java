package dev.jingxi.examples.before;

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

    CustomerController(CustomerStore customers, Tellers tellers) {
        this.customers = customers;
        this.tellers = tellers;
    }

    /** Shows a customer. */
    @GetMapping("/customers/{number}")
    public Object customer(@PathVariable String number, @RequestHeader("X-Teller") String tellerNumber) {
        tellers.signedIn(tellerNumber);
        return customers.find(number).orElseThrow(() -> new ResponseStatusException(HttpStatus.NOT_FOUND));
    }
}
