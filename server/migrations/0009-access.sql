-- Roles of an organisation's own, accounts of programs and the keys they sign in with, and who sees which devices.

-- A built-in role or one of the organisation's own. A name that stands for nothing gives nothing, so no foreign key has to guard it.
alter table users drop constraint users_role_check,
  add constraint users_role_check check (role ~ '^[a-z][a-z0-9-]{1,39}$');
alter table invitations drop constraint invitations_role_check,
  add constraint invitations_role_check check (role ~ '^[a-z][a-z0-9-]{1,39}$');

-- A service account is a program's: it holds keys and can never be signed in to.
alter table users add column kind text not null default 'person' check (kind in ('person', 'service')),
  add constraint users_service_has_no_password check (kind = 'person' or password_hash is null),
  -- All devices of the organisation, or those of some groups and their own.
  add column device_scope text not null default 'all' check (device_scope in ('all', 'limited'));

create function is_permission_list(list text[]) returns boolean
  language sql immutable parallel safe
  return list <@ array['device:read', 'device:write', 'device:delete', 'telemetry:read', 'telemetry:write', 'alert:read', 'alert:write',
    'alert:acknowledge', 'analytics:read', 'analytics:export', 'system:admin', 'user:manage', 'config:manage'];

create table custom_roles (
  organisation_id integer not null references organisations,
  name text not null check (name ~ '^[a-z][a-z0-9-]{1,39}$' and name not in ('admin', 'operator', 'analyst', 'user')),
  description text check (length(description) <= 300),
  permissions text[] not null check (is_permission_list(permissions)),
  -- Whoever holds it must have proven a second factor.
  requires_factor boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (organisation_id, name)
);
call own_by_organisation('custom_roles');
grant select, insert, update, delete on custom_roles to valtronics_server;

create table api_keys (
  id uuid primary key,
  organisation_id integer not null references organisations,
  -- In whose name it acts: the person who made it, or a service account.
  owner_id uuid not null references users on delete cascade,
  -- What it may is never more than what this person may now.
  creator_id uuid not null references users on delete cascade,
  label text not null check (length(label) between 1 and 120),
  token_hash bytea not null unique check (length(token_hash) = 32),
  permissions text[] not null check (cardinality(permissions) > 0 and is_permission_list(permissions)),
  -- Networks it may be used from; empty: any.
  networks text[] not null default '{}' check (cardinality(networks) <= 20),
  device_scope text not null check (device_scope in ('all', 'limited')),
  created_at timestamptz not null,
  expires_at timestamptz not null check (expires_at <= created_at + interval '366 days'),
  last_used_at timestamptz,
  last_used_address inet,
  revoked_at timestamptz
);
create index api_keys_owner on api_keys (owner_id);
create index api_keys_creator on api_keys (creator_id);
create index api_keys_newest on api_keys (organisation_id, id desc) where revoked_at is null;
call own_by_organisation('api_keys');
grant select, insert, update (last_used_at, last_used_address, revoked_at) on api_keys to valtronics_server;

-- Device groups: whoever is limited sees the devices of theirs, and those they own.
create table device_groups (
  id uuid primary key,
  organisation_id integer not null references organisations,
  name text not null check (length(name) between 1 and 120),
  created_at timestamptz not null
);
create unique index device_groups_name on device_groups (organisation_id, lower(name));
call own_by_organisation('device_groups');
grant select, insert, update (name), delete on device_groups to valtronics_server;

create table device_group_devices (
  group_id uuid not null references device_groups on delete cascade,
  device_id uuid not null references devices on delete cascade,
  organisation_id integer not null references organisations,
  primary key (group_id, device_id)
);
create index device_group_devices_device on device_group_devices (device_id);
call own_by_organisation('device_group_devices');
grant select, insert, delete on device_group_devices to valtronics_server;

create table person_device_groups (
  user_id uuid not null references users on delete cascade,
  group_id uuid not null references device_groups on delete cascade,
  organisation_id integer not null references organisations,
  primary key (user_id, group_id)
);
create index person_device_groups_group on person_device_groups (group_id);
call own_by_organisation('person_device_groups');
grant select, insert, delete on person_device_groups to valtronics_server;

create table api_key_device_groups (
  key_id uuid not null references api_keys on delete cascade,
  group_id uuid not null references device_groups on delete cascade,
  organisation_id integer not null references organisations,
  primary key (key_id, group_id)
);
create index api_key_device_groups_group on api_key_device_groups (group_id);
call own_by_organisation('api_key_device_groups');
grant select, insert, delete on api_key_device_groups to valtronics_server;
create index devices_owner on devices (owner_id) where owner_id is not null;

-- The people and keys whose sight bounds the transaction, all at once; null: nobody's does.
create function current_viewers() returns uuid[]
  language sql stable parallel safe
  return string_to_array(nullif(current_setting('valtronics.viewers', true), ''), ',')::uuid[];

-- With the owner's rights, as its tables stand under policies that ask it. It tells only what the transaction's own settings entitle to.
create function visible_devices() returns setof uuid
  language sql stable security definer set search_path = public, pg_temp as $$
  select seen.device_id from (
    select m.viewer, d.device_id
    from (select user_id as viewer, group_id from person_device_groups where user_id = any (current_viewers())
          union all select key_id, group_id from api_key_device_groups where key_id = any (current_viewers())) m
      join device_group_devices d on d.group_id = m.group_id
    where d.organisation_id = current_organisation()
    union
    select d.owner_id, d.id from devices d
    where d.owner_id = any (current_viewers()) and d.organisation_id = current_organisation()
  ) seen group by seen.device_id having count(*) = cardinality(current_viewers()) $$;

create function visible_series() returns setof integer
  language sql stable security definer set search_path = public, pg_temp as $$
  select s.id from series s where s.device_id in (select visible_devices()) and s.organisation_id = current_organisation() $$;

-- A second fence inside the organisation's. Without viewers it costs one comparison with a value computed once for the statement; with
-- viewers the visible set is computed once and hashed.
create procedure show_to_viewers(target regclass, device_column text)
  language plpgsql as $$
begin
  execute format('create policy of_viewers on %s as restrictive to valtronics_server
    using ((select current_viewers() is null) or %I in (select visible_devices()))', target, device_column);
end $$;
call show_to_viewers('device_credentials', 'device_id');
call show_to_viewers('device_commands', 'device_id');
call show_to_viewers('device_events', 'device_id');
call show_to_viewers('device_group_devices', 'device_id');
call show_to_viewers('subject_assignments', 'device_id');
call show_to_viewers('series', 'device_id');
call show_to_viewers('point_ids', 'device_id');
call show_to_viewers('alerts', 'device_id');
call show_to_viewers('alert_states', 'device_id');
call show_to_viewers('alert_silences', 'device_id');

create procedure show_series_to_viewers(target regclass)
  language plpgsql as $$
begin
  execute format('create policy of_viewers on %s as restrictive to valtronics_server
    using ((select current_viewers() is null) or series_id in (select visible_series()))', target);
end $$;
call show_series_to_viewers('points');
call show_series_to_viewers('series_latest');
call show_series_to_viewers('rollups_1m');
call show_series_to_viewers('rollups_1h');

-- A device of one's own is seen in the very statement that registers it, which the set of visible devices is too early for.
create policy of_viewers on devices as restrictive to valtronics_server
  using ((select current_viewers() is null) or id in (select visible_devices()) or array[owner_id] = (select current_viewers()));

create policy of_viewers on alert_events as restrictive to valtronics_server
  using ((select current_viewers() is null)
    or exists (select from alerts a where a.id = alert_id and a.device_id in (select visible_devices())));

-- Rules for a type or the whole fleet are read by everybody whom they may alert, and changed only by who sees the whole fleet.
create policy of_viewers_read on alert_rules as restrictive for select to valtronics_server
  using ((select current_viewers() is null) or device_id is null or device_id in (select visible_devices()));
create policy of_viewers_insert on alert_rules as restrictive for insert to valtronics_server
  with check ((select current_viewers() is null) or device_id in (select visible_devices()));
create policy of_viewers_update on alert_rules as restrictive for update to valtronics_server
  using ((select current_viewers() is null) or device_id in (select visible_devices()));
create policy of_viewers_delete on alert_rules as restrictive for delete to valtronics_server
  using ((select current_viewers() is null) or device_id in (select visible_devices()));

revoke execute on procedure show_to_viewers(regclass, text), show_series_to_viewers(regclass) from public;
revoke execute on function visible_devices(), visible_series() from public;
grant execute on function visible_devices(), visible_series() to valtronics_server;

alter table audit_events drop constraint audit_events_actor_kind_check,
  add constraint audit_events_actor_kind_check
    check (actor_kind in ('user', 'api_key', 'device', 'anonymous', 'cli', 'system'));

-- What a role gives is read with the session, at every request: a changed role holds from the next one on.
drop function find_session(bytea);
drop function find_session_by_id(uuid);
create function find_session_by_id(wanted_id uuid)
  returns table (session_id uuid, user_id uuid, organisation_id integer, role text, email text, status text, authorization_version integer,
                 last_seen_at timestamptz, idle_expires_at timestamptz, absolute_expires_at timestamptz, verified_at timestamptz,
                 factor text, must_change_password boolean, has_factor boolean, has_passkey boolean,
                 custom_permissions text[], role_requires_factor boolean, device_scope text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select s.id, u.id, u.organisation_id, u.role, u.email, u.status, u.authorization_version,
         s.last_seen_at, s.idle_expires_at, s.absolute_expires_at, s.verified_at,
         s.factor, u.must_change_password,
         exists (select from factors f where f.user_id = u.id),
         exists (select from factors f where f.user_id = u.id and f.kind = 'passkey'),
         r.permissions, coalesce(r.requires_factor, false), u.device_scope
  from sessions s join users u on u.id = s.user_id
    left join custom_roles r on r.organisation_id = u.organisation_id and r.name = u.role
  where s.id = wanted_id and s.revoked_at is null and u.kind = 'person' $$;

create function find_session(wanted_hash bytea)
  returns table (session_id uuid, user_id uuid, organisation_id integer, role text, email text, status text, authorization_version integer,
                 last_seen_at timestamptz, idle_expires_at timestamptz, absolute_expires_at timestamptz, verified_at timestamptz,
                 factor text, must_change_password boolean, has_factor boolean, has_passkey boolean,
                 custom_permissions text[], role_requires_factor boolean, device_scope text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select f.* from sessions s, find_session_by_id(s.id) f where s.token_hash = wanted_hash $$;

create or replace function find_login(wanted_email text)
  returns table (user_id uuid, organisation_id integer, password_hash text, status text, role text, authorization_version integer)
  language sql stable security definer set search_path = public, pg_temp as $$
  select u.id, u.organisation_id, u.password_hash, u.status, u.role, u.authorization_version
  from users u where lower(u.email) = lower(wanted_email) and u.kind = 'person' $$;

create or replace function find_passkey(wanted_credential bytea)
  returns table (factor_id uuid, user_id uuid, organisation_id integer, email text, status text, role text, authorization_version integer,
                 password_hash text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select f.id, u.id, u.organisation_id, u.email, u.status, u.role, u.authorization_version, u.password_hash
  from factors f join users u on u.id = f.user_id
  where f.credential_id = wanted_credential and f.kind = 'passkey' and u.kind = 'person' $$;

-- With what its owner and its creator may now, so that the key can be cut down to it at every use.
create function find_api_key_by_id(wanted_id uuid)
  returns table (key_id uuid, organisation_id integer, label text, permissions text[], networks text[], expires_at timestamptz,
                 last_used_at timestamptz, device_scope text,
                 owner_id uuid, owner_status text, owner_role text, owner_permissions text[], owner_scope text,
                 creator_id uuid, creator_status text, creator_role text, creator_permissions text[], creator_scope text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select k.id, k.organisation_id, k.label, k.permissions, k.networks, k.expires_at, k.last_used_at, k.device_scope,
         o.id, o.status, o.role, orole.permissions, o.device_scope, c.id, c.status, c.role, crole.permissions, c.device_scope
  from api_keys k join users o on o.id = k.owner_id join users c on c.id = k.creator_id
    left join custom_roles orole on orole.organisation_id = o.organisation_id and orole.name = o.role
    left join custom_roles crole on crole.organisation_id = c.organisation_id and crole.name = c.role
  where k.id = wanted_id and k.revoked_at is null $$;

create function find_api_key(wanted_hash bytea)
  returns table (key_id uuid, organisation_id integer, label text, permissions text[], networks text[], expires_at timestamptz,
                 last_used_at timestamptz, device_scope text,
                 owner_id uuid, owner_status text, owner_role text, owner_permissions text[], owner_scope text,
                 creator_id uuid, creator_status text, creator_role text, creator_permissions text[], creator_scope text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select f.* from api_keys k, find_api_key_by_id(k.id) f where k.token_hash = wanted_hash $$;

revoke execute on function find_session(bytea), find_session_by_id(uuid), find_api_key(bytea), find_api_key_by_id(uuid)
  from public;
grant execute on function find_session(bytea), find_session_by_id(uuid), find_api_key(bytea), find_api_key_by_id(uuid)
  to valtronics_server;
