package dev.jingxi.client.offline.internal;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The attributes of a bundle by their places, and all that is planned of its policies. */
final class Programs {
    final AttributeReader[] attributes;
    final Map<String, Integer> places = new HashMap<>();
    final List<Planned> variables = new ArrayList<>();
    final List<Planned> conditions = new ArrayList<>();

    Programs(List<AttributeReader> attributes) {
        this.attributes = attributes.toArray(new AttributeReader[0]);
        for (int i = 0; i < this.attributes.length; i++) {
            places.put(this.attributes[i].name, i);
        }
    }
}
