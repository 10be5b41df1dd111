-- What serving sessions from Redis rests on: which sessions changed and in which transaction, and which Redis is in use.
-- The argument is in docs/decisions/0005-redis-is-believed-while-postgresql-agrees.md.

create table session_changes (
  -- Compared with the snapshot a session was read in: a transaction that snapshot did not see is at or after its horizon.
  transaction xid8 not null,
  subject text not null check (length(subject) <= 100),
  noted_at timestamptz not null default now()
);
create index session_changes_transaction on session_changes (transaction);
create index session_changes_age on session_changes (noted_at);
grant insert on session_changes to valtronics_server, valtronics_maintenance;
grant select on session_changes to valtronics_server;
grant select, delete on session_changes to valtronics_maintenance;

create table session_caches (
  -- A pseudonym of where the Redis is.
  place text primary key check (length(place) between 1 and 100),
  -- Names of everything kept there; a new one once nobody has used it for longer than anybody believes it.
  namespace uuid not null,
  used_at timestamptz not null
);
grant select on session_caches to valtronics_server;
grant select, insert, update, delete on session_caches to valtronics_maintenance;

-- In the transaction of the change, so that neither can be without the other; the setting tells the transaction's own server.
create function note_session_change(changed text) returns void
  language plpgsql set search_path = public, pg_temp as $$
begin
  insert into session_changes (transaction, subject) values (pg_current_xact_id(), changed);
  perform set_config('valtronics.sessions_changed', 'yes', true);
end $$;

create function session_changed() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  perform note_session_change('session:' || old.id);
  return null;
end $$;

create function session_holder_changed() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  perform note_session_change('user:' || old.id);
  return null;
end $$;

create function factors_changed() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  -- Both of whom a row was taken from and given to; `old` is null after an insert, `new` after a delete.
  perform note_session_change('user:' || id) from (values (old.user_id), (new.user_id)) as holder (id) where id is not null group by id;
  return null;
end $$;

create function role_changed() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  perform note_session_change('role:' || organisation_id || ':' || name)
    from (values (old.organisation_id, old.name), (new.organisation_id, new.name)) as role (organisation_id, name)
    where name is not null group by organisation_id, name;
  return null;
end $$;

-- Everything find_session_by_id reads, but for what use moves: when a session was last seen, and its end to later.
create trigger changed after update on sessions for each row
  when (old.revoked_at is distinct from new.revoked_at or old.token_hash is distinct from new.token_hash
    or old.factor is distinct from new.factor or old.verified_at is distinct from new.verified_at
    or old.user_id is distinct from new.user_id or old.absolute_expires_at is distinct from new.absolute_expires_at
    or new.idle_expires_at < old.idle_expires_at)
  execute function session_changed();
create trigger removed after delete on sessions for each row when (old.revoked_at is null) execute function session_changed();

create trigger changed after update on users for each row
  when (old.role is distinct from new.role or old.status is distinct from new.status or old.email is distinct from new.email
    or old.organisation_id is distinct from new.organisation_id or old.kind is distinct from new.kind
    or old.authorization_version is distinct from new.authorization_version
    or old.must_change_password is distinct from new.must_change_password or old.device_scope is distinct from new.device_scope)
  execute function session_holder_changed();
create trigger removed after delete on users for each row execute function session_holder_changed();

create trigger changed after insert or delete or update of user_id, kind on factors for each row execute function factors_changed();
create trigger changed after insert or delete or update of name, organisation_id, permissions, requires_factor on custom_roles
  for each row execute function role_changed();
