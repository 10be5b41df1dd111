-- Address, name and telephone number of people are sealed with the key of their organisation. What still stands in clear is sealed when the server
-- starts, before its doors open; it cannot be done here, since no key is in the database.

alter table users
  alter column email drop not null,
  -- 85 bytes more than the text, of which a character takes 4 at most.
  add column email_sealed bytea check (length(email_sealed) <= 1101),
  add column name_sealed bytea check (length(name_sealed) <= 565),
  add column phone_sealed bytea check (length(phone_sealed) <= 149),
  -- What they are found by: a keyed hash of the address (unique in the instance), and of the name.
  add column email_index bytea check (length(email_index) = 32),
  add column name_index bytea check (length(name_index) = 8),
  add constraint users_email_one check (num_nonnulls(email, email_sealed) = 1),
  add constraint users_email_found check ((email_sealed is null) = (email_index is null)),
  add constraint users_name_one check (num_nonnulls(name, name_sealed) <= 1),
  add constraint users_name_found check ((name_sealed is null) = (name_index is null)),
  add constraint users_phone_one check (num_nonnulls(phone, phone_sealed) <= 1);
create unique index users_email_index on users (email_index);
create index users_name_index on users (organisation_id, name_index);
drop index users_organisation;
create index users_organisation on users (organisation_id, id);
grant update (email, email_sealed, email_index, name, name_sealed, name_index, phone, phone_sealed) on users to valtronics_maintenance;

drop trigger changed on users;
create trigger changed after update on users for each row
  when (old.role is distinct from new.role or old.status is distinct from new.status or old.email_sealed is distinct from new.email_sealed
    or old.organisation_id is distinct from new.organisation_id or old.kind is distinct from new.kind
    or old.authorization_version is distinct from new.authorization_version
    or old.must_change_password is distinct from new.must_change_password or old.device_scope is distinct from new.device_scope)
  execute function session_holder_changed();

-- The look-ups that give an address give it sealed.
drop function find_session(bytea);
drop function find_session_by_id(uuid);
create function find_session_by_id(wanted_id uuid)
  returns table (session_id uuid, user_id uuid, organisation_id integer, role text, email_sealed bytea, status text, authorization_version integer,
                 last_seen_at timestamptz, idle_expires_at timestamptz, absolute_expires_at timestamptz, verified_at timestamptz,
                 factor text, must_change_password boolean, has_factor boolean, has_passkey boolean,
                 custom_permissions text[], role_requires_factor boolean, device_scope text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select s.id, u.id, u.organisation_id, u.role, u.email_sealed, u.status, u.authorization_version,
         s.last_seen_at, s.idle_expires_at, s.absolute_expires_at, s.verified_at,
         s.factor, u.must_change_password,
         exists (select from factors f where f.user_id = u.id),
         exists (select from factors f where f.user_id = u.id and f.kind = 'passkey'),
         r.permissions, coalesce(r.requires_factor, false), u.device_scope
  from sessions s join users u on u.id = s.user_id
    left join custom_roles r on r.organisation_id = u.organisation_id and r.name = u.role
  where s.id = wanted_id and s.revoked_at is null and u.kind = 'person' $$;

create function find_session(wanted_hash bytea)
  returns table (session_id uuid, user_id uuid, organisation_id integer, role text, email_sealed bytea, status text, authorization_version integer,
                 last_seen_at timestamptz, idle_expires_at timestamptz, absolute_expires_at timestamptz, verified_at timestamptz,
                 factor text, must_change_password boolean, has_factor boolean, has_passkey boolean,
                 custom_permissions text[], role_requires_factor boolean, device_scope text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select f.* from sessions s, find_session_by_id(s.id) f where s.token_hash = wanted_hash $$;

-- One row, always: the newest key epoch says whether the asker knew all there are, also where there is no such account. One index for each epoch in use;
-- each is a keyed hash, so an account is found by who has the key and the address, and none can be listed.
drop function find_login(text);
create function find_login(wanted_indexes bytea[])
  returns table (newest_epoch integer, user_id uuid, organisation_id integer, password_hash text, status text, role text,
                 authorization_version integer)
  language sql stable security definer set search_path = public, pg_temp as $$
  select e.newest, u.id, u.organisation_id, u.password_hash, u.status, u.role, u.authorization_version
  from (select max(epoch) as newest from key_epochs) e
    left join users u on u.email_index = any (wanted_indexes) and u.kind = 'person'
  limit 1 $$;

-- Whether an address has an account, in whichever organisation and under whichever epoch: of two indexes of one address the unique index sees no
-- collision. Whoever is about to make one waits for others who are.
create function is_login_taken(wanted_indexes bytea[])
  returns table (newest_epoch integer, taken boolean)
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform pg_advisory_xact_lock(7126005);
  return query select max(e.epoch), exists (select from users u where u.email_index = any (wanted_indexes)) from key_epochs e;
end $$;

drop function find_passkey(bytea);
create function find_passkey(wanted_credential bytea)
  returns table (user_id uuid, organisation_id integer)
  language sql stable security definer set search_path = public, pg_temp as $$
  select u.id, u.organisation_id from factors f join users u on u.id = f.user_id
  where f.credential_id = wanted_credential and f.kind = 'passkey' and u.kind = 'person' $$;

drop function find_password_reset(bytea);
create function find_password_reset(wanted_hash bytea)
  returns table (reset_id uuid, organisation_id integer, user_id uuid, email_sealed bytea, name_sealed bytea, expires_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select r.id, r.organisation_id, r.user_id, u.email_sealed, u.name_sealed, r.expires_at
  from password_resets r join users u on u.id = r.user_id
  where r.token_hash = wanted_hash and r.used_at is null and u.status = 'active' $$;

drop function find_invitation(bytea);
create function find_invitation(wanted_hash bytea)
  returns table (invitation_id uuid, organisation_id integer, organisation text, user_id uuid, email_sealed bytea, role text, expires_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select i.id, i.organisation_id, o.name, i.user_id, u.email_sealed, i.role, i.expires_at
  from invitations i join organisations o on o.id = i.organisation_id left join users u on u.id = i.user_id
  where i.token_hash = wanted_hash and i.accepted_at is null $$;

drop function take_api_key_reminders(timestamptz, timestamptz, integer);
create function take_api_key_reminders(ending_before timestamptz, told_at timestamptz, at_most integer)
  returns table (organisation_id integer, label text, expires_at timestamptz, owner_id uuid, creator_id uuid)
  language sql security definer set search_path = public, pg_temp as $$
  with taken as (
    update api_keys k set reminded_at = told_at
    where k.id in (
      select due.id from api_keys due
        join users o on o.id = due.owner_id and o.status = 'active' join users c on c.id = due.creator_id and c.status = 'active'
      where due.revoked_at is null and due.reminded_at is null and due.expires_at <= ending_before and due.expires_at > told_at
      order by due.expires_at limit at_most for update of due skip locked)
    returning k.*)
  select t.organisation_id, t.label, t.expires_at, t.owner_id, t.creator_id from taken t $$;

revoke execute on function find_session(bytea), find_session_by_id(uuid), find_login(bytea[]), is_login_taken(bytea[]), find_passkey(bytea),
  find_password_reset(bytea), find_invitation(bytea), take_api_key_reminders(timestamptz, timestamptz, integer) from public;
grant execute on function find_session(bytea), find_session_by_id(uuid), find_login(bytea[]), find_passkey(bytea), find_password_reset(bytea),
  find_invitation(bytea) to valtronics_server;
grant execute on function is_login_taken(bytea[]) to valtronics_server, valtronics_maintenance;
grant execute on function take_api_key_reminders(timestamptz, timestamptz, integer) to valtronics_maintenance;
