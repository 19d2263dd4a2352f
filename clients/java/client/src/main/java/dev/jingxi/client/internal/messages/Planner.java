package dev.jingxi.client.internal.messages;

import dev.jingxi.client.RequestOptions;
import dev.jingxi.client.errors.AttributeValueException;
import dev.jingxi.client.internal.messages.MappedMessage.Attribute;
import dev.jingxi.client.internal.messages.MappedMessage.Field;
import dev.jingxi.client.internal.messages.MappedMessage.Part;
import dev.jingxi.client.internal.messages.Path.Hit;
import dev.jingxi.pdp.v1.Action;
import dev.jingxi.pdp.v1.AttributeType;
import dev.jingxi.pdp.v1.Resource;
import dev.jingxi.pdp.v1.Subject;
import dev.jingxi.pdp.v1.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Makes the plan of a message. What the caller gives wins over what the message holds. */
public final class Planner {
    private final MappedMessage map;
    private final Hit root;
    private final RequestOptions<?> caller;
    private final Set<String> problems = new LinkedHashSet<>();
    private final Map<String, Value> subject;
    private final Map<String, Value> action;
    private final Map<String, Value> context;
    private final Resource given;

    private Planner(MappedMessage map, Object message, RequestOptions<?> caller) {
        this.map = map;
        this.root = new Hit(Place.ROOT, message);
        this.caller = caller;
        this.subject = declared("subject", caller.subject().attributes());
        this.action = declared("action", caller.action().attributes());
        this.context = declared("context", caller.context());
        this.given = Requests.resource(caller.resource(), declared("resource", caller.resource().attributes()));
    }

    /**
     * Returns what to ask about a message. Throws MessageMismatchException, and AttributeValueException for ids and names
     * that are no text.
     */
    public static Plan plan(MappedMessage map, Object message, RequestOptions<?> caller) {
        return new Planner(map, message, caller).plan();
    }

    private Plan plan() {
        List<Question> questions = questions();
        // The map names the application anyway, and most scopes ask for it.
        if (map.type("context.application") != null) {
            context.putIfAbsent("application", map.applicationValue());
        }
        Subject asking = Requests.subject(caller.subject(), subject);
        Action about = Requests.action(caller.action(), action);
        return new Plan(map, asking, about, context, questions, new ArrayList<>(problems));
    }

    private List<Question> questions() {
        List<Question> questions = new ArrayList<>();
        Resource inherited = given;
        for (Part part : map.parts) {
            if (part.name.isEmpty()) {
                Start start = new Start(part, root);
                inherited = own(part, start);
                if (!part.fields.isEmpty()) {
                    questions.add(question(part, start, inherited));
                }
            }
        }
        for (Part part : map.parts) {
            if (!part.name.isEmpty() && !part.fields.isEmpty()) {
                items(part, inherited, questions);
            }
        }
        return questions;
    }

    /** Returns the resource of the message itself; its attributes of other kinds become shared ones. */
    private Resource own(Part part, Start start) {
        Resource.Builder resource = resource(part, start, Resource.getDefaultInstance());
        for (Attribute attribute : part.attributes) {
            Value value = attribute(attribute, start);
            if (value == null) {
                continue;
            }
            if (!attribute.isOfResource) {
                shared(attribute.namespace).putIfAbsent(attribute.local, value);
            } else if (!resource.containsAttributes(attribute.local)) {
                resource.putAttributes(attribute.local, value);
            }
        }
        if (!given.getType().isEmpty()) {
            resource.setType(given.getType());
        }
        if (!given.getId().isEmpty()) {
            resource.setId(given.getId());
        }
        return (given.getAttributesCount() == 0 ? resource : resource.putAllAttributes(given.getAttributesMap())).build();
    }

    private Map<String, Value> shared(String namespace) {
        switch (namespace) {
            case "subject":
                return subject;
            case "action":
                return action;
            default:
                return context;
        }
    }

    private void items(Part part, Resource inherited, List<Question> questions) {
        for (Hit list : part.path.find(root)) {
            if (list.value == null) {
                continue;
            }
            Object value = list.value instanceof Object[] ? Arrays.asList((Object[]) list.value) : list.value;
            if (!(value instanceof List)) {
                throw part.path.mismatch("a list", list.place);
            }
            int index = 0;
            for (Object item : (Collection<?>) value) {
                Hit here = new Hit(list.place.child(index++), item);
                if (item != null) {
                    Start start = new Start(part, here);
                    questions.add(question(part, start, itemResource(part, start, inherited)));
                }
            }
        }
    }

    private Resource itemResource(Part part, Start start, Resource inherited) {
        Resource.Builder resource = resource(part, start, inherited);
        for (Attribute attribute : part.attributes) {
            // An account without a balance must not be judged by its customer's.
            resource.removeAttributes(withoutPrefix(attribute.name, "resource."));
        }
        List<String> others = new ArrayList<>(0);
        for (Attribute attribute : part.attributes) {
            Value value = attribute(attribute, start);
            if (value != null && attribute.isOfResource) {
                resource.putAttributes(attribute.local, value);
            } else if (value != null) {
                others.add("attribute `" + attribute.name + "` of list `" + part.name + "` is not of the resource");
            }
        }
        problems.addAll(others);
        return resource.build();
    }

    /** Found before anything is asked, so that a message that does not fit is refused before anything is decided. */
    private static Question question(Part part, Start start, Resource resource) {
        List<Question.Located> fields = new ArrayList<>(part.fields.size());
        for (Field field : part.fields) {
            fields.add(start.located(field));
        }
        return new Question(part, start.hit.place, resource, fields);
    }

    /** Returns a part's resource: its type and id where the map has them, else the inherited ones. */
    private Resource.Builder resource(Part part, Start start, Resource inherited) {
        Resource.Builder resource = inherited.toBuilder();
        if (!part.source.getResourceType().isEmpty()) {
            resource.setType(part.source.getResourceType());
        }
        if (part.resourceId != null) {
            Value value = read(part.resourceId, start);
            // Without an id of its own an item must not pass for the message's resource.
            resource.setId(value == null ? "" : value.getStringValue());
        }
        return resource;
    }

    /** Returns an attribute that a message may speak about; null where it does not. */
    private Value attribute(Attribute attribute, Start start) {
        if (!attribute.isReadable) {
            problems.add("attribute `" + attribute.name + "` cannot be taken from a message");
            return null;
        }
        return read(attribute, start);
    }

    private Value read(Attribute attribute, Start start) {
        if (attribute.only != null) {
            Object value = start.value(attribute.only);
            return value == null ? null : typed(attribute, value);
        }
        List<Object> found = new ArrayList<>();
        for (Hit hit : attribute.path.find(start.hit)) {
            if (hit.value != null) {
                found.add(hit.value);
            }
        }
        if (found.isEmpty()) {
            return null;
        }
        if (!Values.isList(attribute.type)) {
            problems.add("attribute `" + attribute.name + "` at `" + attribute.path + "` has many values and is no list");
            return null;
        }
        return typed(attribute, found);
    }

    private Value typed(Attribute attribute, Object value) {
        try {
            return Values.typed(value, attribute.type);
        } catch (AttributeValueException error) {
            problems.add("attribute `" + attribute.name + "` at `" + attribute.path + "`: " + error.getMessage());
            return null;
        }
    }

    /** Returns the caller's attributes as the policy set declares them; undeclared ones as Java has them. */
    private Map<String, Value> declared(String namespace, Map<String, Object> attributes) {
        Map<String, Value> found = new LinkedHashMap<>();
        Map<String, AttributeType> types = map.types(namespace);
        for (Map.Entry<String, Object> entry : attributes.entrySet()) {
            if (entry.getValue() == null) {
                continue;
            }
            AttributeType type = types.get(Requests.text("the name of an attribute", entry.getKey()));
            try {
                Object value = entry.getValue();
                found.put(entry.getKey(), type == null ? Values.of(value) : Values.typed(value, type));
            } catch (AttributeValueException error) {
                problems.add("attribute `" + namespace + "." + entry.getKey() + "`: " + error.getMessage());
            }
        }
        return found;
    }

    private static String withoutPrefix(String name, String prefix) {
        return name.startsWith(prefix) ? name.substring(prefix.length()) : name;
    }
}
