-- The airline's own database. It is not Remit's: Remit reads and writes it only through the agent's tools.
create schema airline;
comment on schema airline is 'Remit airline: tau2-bench airline data. Replaced as a whole by each load.';

create table airline.customers (
    id  text primary key,
    doc json not null  -- json, not jsonb, as it came: name, email, address, payment_methods, membership, …
);

create table airline.flights (
    number text primary key,
    doc    json not null  -- origin, destination, dates: date -> status, seats and prices
);

create table airline.reservations (
    id          text primary key,
    customer_id text not null references airline.customers,
    doc         json not null
);
create index on airline.reservations (customer_id);

-- What was left to the airline's people.
create table airline.handovers (
    id          bigint generated always as identity primary key,
    customer_id text references airline.customers,
    summary     text not null,
    run         uuid not null,
    at          timestamptz not null default now()
);

-- Every write happens once: it and its key are committed together.
create table airline.effects (
    key            text primary key,
    tool           text not null,
    run            uuid not null,
    reservation_id text,
    result         json not null default '{}',
    at             timestamptz not null default now()
);
create index on airline.effects (run);
create index on airline.effects (reservation_id);
