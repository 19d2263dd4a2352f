package dev.jingxi.client.internal.messages;

import dev.jingxi.client.internal.messages.MappedMessage.Field;
import dev.jingxi.client.internal.messages.MappedMessage.Part;
import dev.jingxi.client.internal.messages.Path.Hit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Where the paths of a part start: the message itself or an item of a list. Objects below it are looked for once. */
final class Start {
    private static final Object NONE = new Object();

    final Hit hit;
    /** Null until it was looked for. */
    private final Object[] holders;
    /** The places of the objects, where they are needed and the start is not the message. */
    private Place[] places;

    Start(Part part, Hit hit) {
        this.hit = hit;
        this.holders = new Object[part.holders.count()];
    }

    /** Returns the value of a member; null where it is not there. Throws MessageMismatchException. */
    Object value(Member member) {
        if (member.holder < 0) {
            return hit.value;
        }
        Map<?, ?> holder = holder(member);
        return holder == null ? null : holder.get(member.key);
    }

    /** Returns a field with the places that hold it. Throws MessageMismatchException. */
    Question.Located located(Field field) {
        if (field.only != null) {
            boolean isThere = isThere(field.only);
            return !isThere ? field.absent
                    : hit.place == Place.ROOT ? field.present : new Question.Located(field.name, List.of(place(field.only)));
        }
        List<Place> found = new ArrayList<>(field.paths.size());
        for (Path path : field.paths) {
            for (Hit one : path.find(hit)) {
                found.add(one.place);
            }
        }
        return new Question.Located(field.name, found);
    }

    private boolean isThere(Member member) {
        if (member.holder < 0) {
            return true;
        }
        Map<?, ?> holder = holder(member);
        return holder != null && (holder.get(member.key) != null || holder.containsKey(member.key));
    }

    private Map<?, ?> holder(Member member) {
        Object holder = holders[member.holder];
        if (holder == null) {
            Map<?, ?> found = member.path.holder(hit);
            holder = found == null ? NONE : found;
            holders[member.holder] = holder;
        }
        return holder == NONE ? null : (Map<?, ?>) holder;
    }

    private Place place(Member member) {
        if (member.holder < 0) {
            return hit.place;
        }
        if (places == null) {
            places = new Place[holders.length];
        }
        if (places[member.holder] == null) {
            places[member.holder] = member.path.holderPlace(hit.place);
        }
        return places[member.holder].child(member.key);
    }
}
