package dev.jingxi.client.internal.messages;

import dev.jingxi.pdp.v1.Action;
import dev.jingxi.pdp.v1.Subject;
import dev.jingxi.pdp.v1.Value;
import java.util.List;
import java.util.Map;

/** All questions about a message and what they share. */
public final class Plan {
    private final MappedMessage map;
    private final Subject subject;
    private final Action action;
    private final Map<String, Value> context;
    private final List<Question> questions;
    private final List<String> problems;

    Plan(MappedMessage map, Subject subject, Action action, Map<String, Value> context, List<Question> questions,
            List<String> problems) {
        this.map = map;
        this.subject = subject;
        this.action = action;
        this.context = context;
        this.questions = questions;
        this.problems = problems;
    }

    /** Returns the map that was followed. */
    public MappedMessage map() {
        return map;
    }

    /** Returns who asks. */
    public Subject subject() {
        return subject;
    }

    /** Returns what for. */
    public Action action() {
        return action;
    }

    /** Returns where and how. */
    public Map<String, Value> context() {
        return context;
    }

    /** Returns the questions, the message itself first. */
    public List<Question> questions() {
        return questions;
    }

    /** Returns what of the attributes could not be read. */
    public List<String> problems() {
        return problems;
    }
}
