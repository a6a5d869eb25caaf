-- The shop's own database. It is not Remit's: Remit reads and writes it only through the agent's tools.
create schema shop;
comment on schema shop is 'Remit demo shop: tau2-bench retail data. Replaced as a whole by each load.';

create table shop.customers (
    id         text primary key,
    first_name text not null,
    last_name  text not null,
    email      text not null,
    address1   text not null,
    address2   text not null,
    city       text not null,
    state      text not null,
    zip        text not null,
    country    text not null
);
create unique index on shop.customers (lower(email));

create table shop.payment_methods (
    id          text primary key,
    customer_id text not null references shop.customers,
    kind        text not null check (kind in ('credit_card', 'paypal', 'gift_card')),
    brand       text,
    last_four   text,
    balance     numeric(12, 2) check (balance >= 0),  -- of a gift card
    check ((kind = 'gift_card') = (balance is not null)),
    unique (id, customer_id)
);
create index on shop.payment_methods (customer_id);

create table shop.products (
    id   text primary key,
    name text not null unique
);

create table shop.variants (
    id         text primary key,
    product_id text not null references shop.products,
    options    json not null,  -- json, not jsonb: the order of the options is the shop's
    available  boolean not null,
    price      numeric(12, 2) not null,
    unique (id, product_id)
);
create index on shop.variants (product_id);

create table shop.orders (
    id                  text primary key,
    place               integer not null,  -- 1 is the customer's first order as the shop lists them
    customer_id         text not null references shop.customers,
    status              text not null check (status in (
        'pending',
        'pending (item modified)',  -- its items were changed once; no more changes of items, no cancelling
        'processed',                -- on its way: nothing can be changed
        'delivered',
        'cancelled',
        'return requested',
        'exchange requested'
    )),
    address1            text not null,
    address2            text not null,
    city                text not null,
    state               text not null,
    zip                 text not null,
    country             text not null,
    cancel_reason       text check (cancel_reason in ('no longer needed', 'ordered by mistake')),
    return_payment_id   text,
    exchange_payment_id text,
    exchange_difference numeric(12, 2),  -- what the customer pays; negative: gets back
    -- a customer's order is paid, refunded and exchanged with the customer's own means, whatever a tool does
    foreign key (return_payment_id, customer_id) references shop.payment_methods (id, customer_id),
    foreign key (exchange_payment_id, customer_id) references shop.payment_methods (id, customer_id)
);
create index on shop.orders (customer_id);

create table shop.order_items (
    order_id      text not null references shop.orders,
    line          integer not null,
    product_id    text not null,
    variant_id    text not null,
    options       json not null,
    price         numeric(12, 2) not null,
    returned      boolean not null default false,
    exchanged_for text,
    primary key (order_id, line),
    foreign key (variant_id, product_id) references shop.variants (id, product_id),
    -- an exchange stays within the product
    foreign key (exchanged_for, product_id) references shop.variants (id, product_id)
);

create table shop.order_payments (
    order_id          text not null references shop.orders,
    line              integer not null,
    kind              text not null check (kind in ('payment', 'refund')),
    amount            numeric(12, 2) not null check (amount >= 0),
    payment_method_id text not null references shop.payment_methods,
    primary key (order_id, line)
);

create table shop.fulfillments (
    order_id     text not null references shop.orders,
    line         integer not null,
    tracking_ids text[] not null,
    item_ids     text[] not null,
    primary key (order_id, line)
);

-- What was left to the shop's people.
create table shop.handovers (
    id          bigint generated always as identity primary key,
    customer_id text references shop.customers,
    summary     text not null,
    run         uuid not null,
    at          timestamptz not null default now()
);

-- Every write happens once: it and its key are committed together.
create table shop.effects (
    key      text primary key,
    tool     text not null,
    run      uuid not null,
    order_id text,
    result   text not null,
    at       timestamptz not null default now()
);
create index on shop.effects (run);
