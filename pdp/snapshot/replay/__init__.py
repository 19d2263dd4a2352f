"""Makes recorded decisions again by another policy set, as far as what was kept decides them.

`cut` takes a record apart into bytes that are looked up, and `wire` one that is unusual or new; `facts` reads the
attributes that rules ask for; `origin` knows the bundle that decided then; `known` says which of the attributes that
the candidate asks for were kept, and by what they can be stood in for; `doubt` evaluates a condition where something
was not kept: to all the outcomes that it may have. `sieve` sorts the rules by what their conditions come to, each once
for the same values; `candidate` settles which apply and may apply, by what the verdicts tell too (`evidence`), and what
fields come to; `recorded` holds the verdicts then against those now; `replayer` puts these together, `groups` counts,
and `analysis` goes through a store.

INVARIANT: a verdict is said to change, or not to, only where every request that could have left this record has it so.
"""
