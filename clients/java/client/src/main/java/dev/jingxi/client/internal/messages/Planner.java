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
    /** What a request holds outside its attributes; a message may not speak about who asks and what for. */
    private static final Set<String> BUILT_IN =
            Set.of("subject.id", "subject.roles", "action.name", "resource.type", "resource.id");

    private final MappedMessage map;
    private final Hit root;
    private final RequestOptions<?> caller;
    private final Set<String> problems = new LinkedHashSet<>();
    private final Map<String, Map<String, Value>> shared = new LinkedHashMap<>();
    private final Resource given;

    private Planner(MappedMessage map, Object message, RequestOptions<?> caller) {
        this.map = map;
        this.root = new Hit(Place.ROOT, message);
        this.caller = caller;
        shared.put("subject", declared("subject", caller.subject().attributes()));
        shared.put("action", declared("action", caller.action().attributes()));
        shared.put("context", declared("context", caller.context()));
        Map<String, Value> attributes = declared("resource", caller.resource().attributes());
        this.given = Requests.resource(caller.resource(), attributes);
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
            shared.get("context").putIfAbsent("application", Value.newBuilder().setStringValue(map.application()).build());
        }
        Subject subject = Requests.subject(caller.subject(), shared.get("subject"));
        Action action = Requests.action(caller.action(), shared.get("action"));
        return new Plan(map, subject, action, shared.get("context"), questions, new ArrayList<>(problems));
    }

    private List<Question> questions() {
        List<Question> questions = new ArrayList<>();
        Resource inherited = given;
        for (Part part : map.parts) {
            if (part.name.isEmpty()) {
                inherited = own(part);
                if (!part.fields.isEmpty()) {
                    questions.add(question(part, root, inherited));
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
    private Resource own(Part part) {
        Resource.Builder resource = resource(part, root, Resource.getDefaultInstance());
        attributes(part, root).forEach((attribute, value) -> {
            if (!attribute.namespace.equals("resource")) {
                shared.get(attribute.namespace).putIfAbsent(attribute.local, value);
            } else if (!resource.containsAttributes(attribute.local)) {
                resource.putAttributes(attribute.local, value);
            }
        });
        if (!given.getType().isEmpty()) {
            resource.setType(given.getType());
        }
        if (!given.getId().isEmpty()) {
            resource.setId(given.getId());
        }
        return resource.putAllAttributes(given.getAttributesMap()).build();
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
                    questions.add(question(part, here, itemResource(part, here, inherited)));
                }
            }
        }
    }

    private Resource itemResource(Part part, Hit here, Resource inherited) {
        Resource.Builder resource = resource(part, here, inherited);
        for (Attribute attribute : part.attributes) {
            // An account without a balance must not be judged by its customer's.
            resource.removeAttributes(withoutPrefix(attribute.name, "resource."));
        }
        attributes(part, here).forEach((attribute, value) -> {
            if (attribute.namespace.equals("resource")) {
                resource.putAttributes(attribute.local, value);
            } else {
                problems.add("attribute `" + attribute.name + "` of list `" + part.name + "` is not of the resource");
            }
        });
        return resource.build();
    }

    /** Found before anything is asked, so that a message that does not fit is refused before anything is decided. */
    private Question question(Part part, Hit here, Resource resource) {
        List<Question.Located> fields = new ArrayList<>(part.fields.size());
        for (Field field : part.fields) {
            List<Place> places = new ArrayList<>(field.paths.size());
            for (Path path : field.paths) {
                if (path.isMany()) {
                    path.find(here).forEach(hit -> places.add(hit.place));
                    continue;
                }
                Hit only = path.only(here);
                if (only != null) {
                    places.add(only.place);
                }
            }
            fields.add(new Question.Located(field.name, places));
        }
        return new Question(part.name, here.place, resource, fields);
    }

    /** Returns a part's resource: its type and id where the map has them, else the inherited ones. */
    private Resource.Builder resource(Part part, Hit here, Resource inherited) {
        Resource.Builder resource = inherited.toBuilder();
        if (!part.source.getResourceType().isEmpty()) {
            resource.setType(part.source.getResourceType());
        }
        if (part.resourceId != null) {
            Value value = read("resource.id", part.resourceId, here, AttributeType.ATTRIBUTE_TYPE_STRING);
            // Without an id of its own an item must not pass for the message's resource.
            resource.setId(value == null ? "" : value.getStringValue());
        }
        return resource;
    }

    private Map<Attribute, Value> attributes(Part part, Hit here) {
        if (part.attributes.isEmpty()) {
            return Map.of();
        }
        Map<Attribute, Value> found = new LinkedHashMap<>();
        for (Attribute attribute : part.attributes) {
            AttributeType type = map.type(attribute.name);
            boolean known = attribute.namespace.equals("resource") || shared.containsKey(attribute.namespace);
            if (BUILT_IN.contains(attribute.name) || type == null || !known) {
                problems.add("attribute `" + attribute.name + "` cannot be taken from a message");
                continue;
            }
            Value value = read(attribute.name, attribute.path, here, type);
            if (value != null) {
                found.put(attribute, value);
            }
        }
        return found;
    }

    private Value read(String name, Path path, Hit here, AttributeType type) {
        if (!path.isMany()) {
            Hit only = path.only(here);
            return only == null || only.value == null ? null : typed(name, path, only.value, type);
        }
        List<Object> found = new ArrayList<>();
        for (Hit hit : path.find(here)) {
            if (hit.value != null) {
                found.add(hit.value);
            }
        }
        if (found.isEmpty()) {
            return null;
        }
        if (!Values.isList(type)) {
            problems.add("attribute `" + name + "` at `" + path + "` has many values and is no list");
            return null;
        }
        return typed(name, path, found, type);
    }

    private Value typed(String name, Path path, Object value, AttributeType type) {
        try {
            return Values.typed(value, type);
        } catch (AttributeValueException error) {
            problems.add("attribute `" + name + "` at `" + path + "`: " + error.getMessage());
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
