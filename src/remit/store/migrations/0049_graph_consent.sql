-- What people said of being written to stands among what happened; this finds it without reading the rest.
create index graph_interactions_consent on graph_interactions (profile)
    where kind in ('consent_given', 'consent_withdrawn', 'unsubscribed', 'complained', 'bounced');
