package dev.jingxi.client.internal.messages;

import dev.jingxi.client.internal.messages.MappedMessage.Part;
import dev.jingxi.pdp.v1.BatchItem;
import dev.jingxi.pdp.v1.MessageRef;
import dev.jingxi.pdp.v1.Resource;
import java.util.ArrayList;
import java.util.List;

/** One resource of a message: its part, its place, what to ask about it, and where each of its fields is. */
public final class Question {
    final Part part;
    /** In the order of the part's fields. */
    final List<Located> fields;
    private final Place place;
    private final Resource resource;

    Question(Part part, Place place, Resource resource, List<Located> fields) {
        this.part = part;
        this.place = place;
        this.resource = resource;
        this.fields = fields;
    }

    /** A field and the places that hold it. */
    static final class Located {
        final String field;
        final List<Place> places;

        Located(String field, List<Place> places) {
            this.field = field;
            this.places = places;
        }
    }

    /** Returns the list's name; empty for the message itself. */
    public String part() {
        return part.name;
    }

    /** Returns where the message or the item is. */
    public Place place() {
        return place;
    }

    /** Returns whether it is about the message itself. */
    public boolean isWhole() {
        return place == Place.ROOT;
    }

    /** Returns what is asked about. */
    public Resource resource() {
        return resource;
    }

    /** Returns the names of the fields, whether the message holds them or not. */
    public List<String> fieldNames() {
        List<String> names = new ArrayList<>();
        fields.forEach(field -> names.add(field.field));
        return names;
    }

    /** Returns the question's message reference. */
    public MessageRef reference() {
        return part.reference;
    }

    /** Returns the question as an item of a batch. */
    public BatchItem item() {
        return BatchItem.newBuilder().setResource(resource).setMessage(part.reference).build();
    }
}
