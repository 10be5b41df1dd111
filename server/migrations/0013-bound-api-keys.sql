-- API keys bound to a certificate (RFC 8705), reminders before a key ends, and public keys of passkeys that cannot be exchanged.
alter table api_keys
  -- SHA-256 of the DER of the certificate a connection must have begun with; null: none.
  add column certificate_sha256 bytea check (length(certificate_sha256) = 32),
  add column reminded_at timestamptz;
create index api_keys_to_remind on api_keys (expires_at) where revoked_at is null and reminded_at is null;

-- Sealed for its factor and its person: whoever can write rows cannot put in a key of their own, nor give a passkey to somebody else.
-- Those of before stand there in clear, which nothing vouches for: such passkeys are set up anew.
delete from factors where kind = 'passkey';
alter table factors rename column public_key to public_key_sealed;

drop function find_api_key(bytea);
drop function find_api_key_by_id(uuid);

create function find_api_key_by_id(wanted_id uuid)
  returns table (key_id uuid, organisation_id integer, label text, permissions text[], networks text[], expires_at timestamptz,
                 last_used_at timestamptz, device_scope text, certificate_sha256 bytea,
                 owner_id uuid, owner_status text, owner_role text, owner_permissions text[], owner_scope text,
                 creator_id uuid, creator_status text, creator_role text, creator_permissions text[], creator_scope text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select k.id, k.organisation_id, k.label, k.permissions, k.networks, k.expires_at, k.last_used_at, k.device_scope, k.certificate_sha256,
         o.id, o.status, o.role, orole.permissions, o.device_scope, c.id, c.status, c.role, crole.permissions, c.device_scope
  from api_keys k join users o on o.id = k.owner_id join users c on c.id = k.creator_id
    left join custom_roles orole on orole.organisation_id = o.organisation_id and orole.name = o.role
    left join custom_roles crole on crole.organisation_id = c.organisation_id and crole.name = c.role
  where k.id = wanted_id and k.revoked_at is null $$;

create function find_api_key(wanted_hash bytea)
  returns table (key_id uuid, organisation_id integer, label text, permissions text[], networks text[], expires_at timestamptz,
                 last_used_at timestamptz, device_scope text, certificate_sha256 bytea,
                 owner_id uuid, owner_status text, owner_role text, owner_permissions text[], owner_scope text,
                 creator_id uuid, creator_status text, creator_role text, creator_permissions text[], creator_scope text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select f.* from api_keys k, find_api_key_by_id(k.id) f where k.token_hash = wanted_hash $$;

-- Keys that end by then and whose maker was not told yet, marked as told: each reminder is given out once, whichever server asks.
create function take_api_key_reminders(ending_before timestamptz, told_at timestamptz, at_most integer)
  returns table (organisation_id integer, label text, expires_at timestamptz, owner_name text, email text)
  language sql security definer set search_path = public, pg_temp as $$
  with taken as (
    update api_keys k set reminded_at = told_at
    where k.id in (
      select due.id from api_keys due
        join users o on o.id = due.owner_id and o.status = 'active' join users c on c.id = due.creator_id and c.status = 'active'
      where due.revoked_at is null and due.reminded_at is null and due.expires_at <= ending_before and due.expires_at > told_at
      order by due.expires_at limit at_most for update of due skip locked)
    returning k.*)
  select t.organisation_id, t.label, t.expires_at, coalesce(o.name, o.email), c.email
  from taken t join users o on o.id = t.owner_id join users c on c.id = t.creator_id $$;

revoke execute on function find_api_key(bytea), find_api_key_by_id(uuid), take_api_key_reminders(timestamptz, timestamptz, integer)
  from public;
grant execute on function find_api_key(bytea), find_api_key_by_id(uuid) to valtronics_server;
grant execute on function take_api_key_reminders(timestamptz, timestamptz, integer) to valtronics_maintenance;
-- The reminder is queued in the transaction that marks the key as told.
grant insert on account_mails to valtronics_maintenance;
