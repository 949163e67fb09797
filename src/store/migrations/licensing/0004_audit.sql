-- The record of changes: who changed what, when, from where, before and after. Nothing in it is ever
-- changed or removed, whoever tries.

create table audit (
    id integer primary key,
    at integer not null,
    who text not null,
    from_where text not null,
    action text not null,
    entity text not null,
    -- Of what has an id; settings have names only.
    entity_id integer,
    name text not null,
    -- JSON objects; absent where there was, or is, nothing.
    before text,
    after text,
    forced integer not null default 0 check (forced in (0, 1))
) strict;
create index audit_by_record on audit (entity, entity_id);
create index audit_by_author on audit (who);

-- Under which groups it happened, before and after: a row for each, so that all that happened under a
-- group is one range.
create table audit_scopes (
    group_id integer not null,
    audit_id integer not null references audit (id),
    primary key (group_id, audit_id)
) strict, without rowid;

create trigger audit_is_not_changed before update on audit begin
    select raise(abort, 'the record of changes is only added to');
end;
create trigger audit_is_not_removed before delete on audit begin
    select raise(abort, 'the record of changes is only added to');
end;
-- `insert or replace` removes without a delete trigger.
create trigger audit_is_not_replaced before insert on audit
when exists (select 1 from audit where id = new.id) begin
    select raise(abort, 'the record of changes is only added to');
end;
create trigger audit_scopes_are_not_changed before update on audit_scopes begin
    select raise(abort, 'the record of changes is only added to');
end;
create trigger audit_scopes_are_not_removed before delete on audit_scopes begin
    select raise(abort, 'the record of changes is only added to');
end;

-- What a write with a key answered: the same write again gets the same answer.
create table idempotency (
    who text not null,
    key text not null,
    digest blob not null,
    -- JSON: ids and warnings.
    outcome text not null,
    at integer not null,
    primary key (who, key)
) strict, without rowid;
create index idempotency_by_age on idempotency (at);
