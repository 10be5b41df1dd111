-- Roles of an organisation's own, accounts of programs, and the keys they sign in with.

-- A built-in role or one of the organisation's own. A name that stands for nothing gives nothing, so no foreign key has to guard it.
alter table users drop constraint users_role_check,
  add constraint users_role_check check (role ~ '^[a-z][a-z0-9-]{1,39}$');
alter table invitations drop constraint invitations_role_check,
  add constraint invitations_role_check check (role ~ '^[a-z][a-z0-9-]{1,39}$');

-- A service account is a program's: it holds keys and can never be signed in to.
alter table users add column kind text not null default 'person' check (kind in ('person', 'service')),
  add constraint users_service_has_no_password check (kind = 'person' or password_hash is null);

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
                 custom_permissions text[], role_requires_factor boolean)
  language sql stable security definer set search_path = public, pg_temp as $$
  select s.id, u.id, u.organisation_id, u.role, u.email, u.status, u.authorization_version,
         s.last_seen_at, s.idle_expires_at, s.absolute_expires_at, s.verified_at,
         s.factor, u.must_change_password,
         exists (select from factors f where f.user_id = u.id),
         exists (select from factors f where f.user_id = u.id and f.kind = 'passkey'),
         r.permissions, coalesce(r.requires_factor, false)
  from sessions s join users u on u.id = s.user_id
    left join custom_roles r on r.organisation_id = u.organisation_id and r.name = u.role
  where s.id = wanted_id and s.revoked_at is null and u.kind = 'person' $$;

create function find_session(wanted_hash bytea)
  returns table (session_id uuid, user_id uuid, organisation_id integer, role text, email text, status text, authorization_version integer,
                 last_seen_at timestamptz, idle_expires_at timestamptz, absolute_expires_at timestamptz, verified_at timestamptz,
                 factor text, must_change_password boolean, has_factor boolean, has_passkey boolean,
                 custom_permissions text[], role_requires_factor boolean)
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
                 last_used_at timestamptz,
                 owner_id uuid, owner_status text, owner_role text, owner_permissions text[],
                 creator_id uuid, creator_status text, creator_role text, creator_permissions text[])
  language sql stable security definer set search_path = public, pg_temp as $$
  select k.id, k.organisation_id, k.label, k.permissions, k.networks, k.expires_at, k.last_used_at,
         o.id, o.status, o.role, orole.permissions, c.id, c.status, c.role, crole.permissions
  from api_keys k join users o on o.id = k.owner_id join users c on c.id = k.creator_id
    left join custom_roles orole on orole.organisation_id = o.organisation_id and orole.name = o.role
    left join custom_roles crole on crole.organisation_id = c.organisation_id and crole.name = c.role
  where k.id = wanted_id and k.revoked_at is null $$;

create function find_api_key(wanted_hash bytea)
  returns table (key_id uuid, organisation_id integer, label text, permissions text[], networks text[], expires_at timestamptz,
                 last_used_at timestamptz,
                 owner_id uuid, owner_status text, owner_role text, owner_permissions text[],
                 creator_id uuid, creator_status text, creator_role text, creator_permissions text[])
  language sql stable security definer set search_path = public, pg_temp as $$
  select f.* from api_keys k, find_api_key_by_id(k.id) f where k.token_hash = wanted_hash $$;

revoke execute on function find_session(bytea), find_session_by_id(uuid), find_api_key(bytea), find_api_key_by_id(uuid)
  from public;
grant execute on function find_session(bytea), find_session_by_id(uuid), find_api_key(bytea), find_api_key_by_id(uuid)
  to valtronics_server;
