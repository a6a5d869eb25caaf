-- A field of an event's body, as text. `->>` alone refuses the whole body where a NUL stands anywhere in it.
create function remit_field(body json, name text) returns text
language sql immutable strict parallel safe
return replace(body::text, '\u0000', '\u2400')::json ->> name;
