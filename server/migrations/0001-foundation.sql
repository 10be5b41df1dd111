-- Organisations, people, sessions, keys and the audit log.
-- Roles exist already (they belong to the cluster): valtronics_owner runs this file; _server, _ingest and _maintenance get what they need.

-- The organisation a transaction works for. After a first transaction an unset setting reads as '', hence nullif.
create function current_organisation() returns integer
  language sql stable parallel safe
  return nullif(current_setting('valtronics.organisation', true), '')::integer;

-- Puts row-level security on a table that has an organisation_id: the server sees its current organisation only, maintenance all.
create procedure own_by_organisation(target regclass)
  language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('create policy of_organisation on %s to valtronics_server
    using (organisation_id = current_organisation()) with check (organisation_id = current_organisation())', target);
  execute format('create policy across_organisations on %s to valtronics_maintenance using (true) with check (true)', target);
end $$;

create table organisations (
  id integer generated always as identity primary key,
  public_id uuid not null unique,
  name text not null check (length(name) between 1 and 120),
  retention_days integer not null default 365 check (retention_days between 1 and 3650),
  created_at timestamptz not null default now()
);
alter table organisations enable row level security;
create policy itself on organisations to valtronics_server using (id = current_organisation());
create policy across_organisations on organisations to valtronics_maintenance using (true) with check (true);
grant select, update (name, retention_days) on organisations to valtronics_server;
grant select, insert on organisations to valtronics_maintenance;

create table users (
  id uuid primary key,
  organisation_id integer not null references organisations,
  email text not null check (length(email) <= 254),
  name text check (length(name) <= 120),
  phone text check (length(phone) <= 16),
  role text not null check (role in ('admin', 'operator', 'analyst', 'user')),
  status text not null check (status in ('invited', 'active', 'disabled')),
  password_hash text check (length(password_hash) <= 400),
  -- Raised by every change of role or status; an access token that carries an older number is refused.
  authorization_version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_sign_in_at timestamptz
);
create unique index users_email on users (lower(email));
create index users_organisation on users (organisation_id, lower(email));
call own_by_organisation('users');
grant select, insert, update on users to valtronics_server;
grant select, insert on users to valtronics_maintenance;

create table invitations (
  id uuid primary key,
  organisation_id integer not null references organisations,
  user_id uuid references users on delete cascade,
  role text not null check (role in ('admin', 'operator', 'analyst', 'user')),
  token_hash bytea not null unique check (length(token_hash) = 32),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  accepted_at timestamptz
);
create index invitations_user on invitations (user_id);
call own_by_organisation('invitations');
grant select, insert, update, delete on invitations to valtronics_server;
grant select, insert, delete on invitations to valtronics_maintenance;

-- One row per sign-in. A browser has a cookie whose hash is here; a token client has a refresh family.
create table sessions (
  id uuid primary key,
  organisation_id integer not null references organisations,
  user_id uuid not null references users on delete cascade,
  kind text not null check (kind in ('browser', 'token')),
  token_hash bytea unique check (length(token_hash) = 32),
  address inet,
  user_agent text check (length(user_agent) <= 300),
  created_at timestamptz not null,
  last_seen_at timestamptz not null,
  idle_expires_at timestamptz not null,
  absolute_expires_at timestamptz not null,
  verified_at timestamptz not null,
  revoked_at timestamptz,
  revoked_reason text check (length(revoked_reason) <= 80),
  check ((kind = 'browser') = (token_hash is not null))
);
create index sessions_user on sessions (user_id) where revoked_at is null;
create index sessions_expiry on sessions (absolute_expires_at);
call own_by_organisation('sessions');
grant select, insert, update on sessions to valtronics_server;
grant select, delete on sessions to valtronics_maintenance;

-- A refresh token is derived from its family's sealed secret and generation, so a retry can be given the same successor.
create table refresh_families (
  session_id uuid primary key references sessions on delete cascade,
  organisation_id integer not null references organisations,
  secret_sealed bytea not null,
  generation integer not null default 0,
  rotated_at timestamptz not null
);
call own_by_organisation('refresh_families');
grant select, insert, update on refresh_families to valtronics_server;
grant select, delete on refresh_families to valtronics_maintenance;

create table refresh_tokens (
  token_hash bytea primary key check (length(token_hash) = 32),
  session_id uuid not null references refresh_families on delete cascade,
  organisation_id integer not null references organisations,
  generation integer not null,
  unique (session_id, generation)
);
call own_by_organisation('refresh_tokens');
grant select, insert on refresh_tokens to valtronics_server;
grant select, delete on refresh_tokens to valtronics_maintenance;

create table factors (
  id uuid primary key,
  organisation_id integer not null references organisations,
  user_id uuid not null references users on delete cascade,
  kind text not null check (kind in ('totp', 'passkey', 'recovery_code')),
  label text check (length(label) <= 120),
  secret_sealed bytea,
  credential_id bytea unique,
  public_key bytea,
  counter bigint,
  last_step bigint,
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);
create index factors_user on factors (user_id);
call own_by_organisation('factors');
grant select, insert, update, delete on factors to valtronics_server;

-- Instance-wide: the private half is sealed, the public half is published at /.well-known/jwks.json.
create table signing_keys (
  kid text primary key check (length(kid) <= 64),
  algorithm text not null check (algorithm in ('ES256')),
  public_jwk jsonb not null,
  private_sealed bytea not null,
  status text not null check (status in ('next', 'active', 'retiring', 'retired')),
  created_at timestamptz not null default now(),
  retired_at timestamptz
);
create unique index signing_keys_active on signing_keys (status) where status = 'active';
grant select on signing_keys to valtronics_server;
grant select, insert, update on signing_keys to valtronics_maintenance;

-- Append-only: no role but the owner may update or delete, and the trigger refuses even the owner's slip.
create table audit_events (
  id uuid primary key,
  organisation_id integer references organisations,
  at timestamptz not null default clock_timestamp(),
  event text not null check (length(event) <= 80),
  outcome text not null check (outcome in ('success', 'failure')),
  actor_kind text not null check (actor_kind in ('user', 'device', 'anonymous', 'cli', 'system')),
  actor_id text check (length(actor_id) <= 80),
  actor_label text check (length(actor_label) <= 254),
  resource_kind text check (length(resource_kind) <= 80),
  resource_id text check (length(resource_id) <= 80),
  address inet,
  request_id text check (length(request_id) <= 80),
  details jsonb not null default '{}'
);
create index audit_events_time on audit_events (organisation_id, at desc, id desc);
create index audit_events_actor on audit_events (organisation_id, actor_id, at desc);
create index audit_events_resource on audit_events (organisation_id, resource_id, at desc);
alter table audit_events enable row level security;
create policy append on audit_events for insert to valtronics_server
  with check (organisation_id is not distinct from current_organisation());
create policy read_own on audit_events for select to valtronics_server using (organisation_id = current_organisation());
create policy append_any on audit_events for insert to valtronics_maintenance with check (true);
create policy read_any on audit_events for select to valtronics_maintenance using (true);
grant select, insert on audit_events to valtronics_server, valtronics_maintenance;

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'audit_events is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger append_only before update or delete on audit_events for each row execute function refuse_change();
create trigger append_only_truncate before truncate on audit_events for each statement execute function refuse_change();

-- The pinned list of look-ups that cross organisations, before a credential has told which one it is. Each takes a credential or its
-- hash and gives back one row; none can be used to list.
create function find_login(wanted_email text)
  returns table (user_id uuid, organisation_id integer, password_hash text, status text, role text, authorization_version integer)
  language sql stable security definer set search_path = public, pg_temp as $$
  select u.id, u.organisation_id, u.password_hash, u.status, u.role, u.authorization_version
  from users u where lower(u.email) = lower(wanted_email) $$;

create function find_session(wanted_hash bytea)
  returns table (session_id uuid, user_id uuid, organisation_id integer, role text, email text, status text, authorization_version integer,
                 last_seen_at timestamptz, idle_expires_at timestamptz, absolute_expires_at timestamptz, verified_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select s.id, u.id, u.organisation_id, u.role, u.email, u.status, u.authorization_version,
         s.last_seen_at, s.idle_expires_at, s.absolute_expires_at, s.verified_at
  from sessions s join users u on u.id = s.user_id
  where s.token_hash = wanted_hash and s.revoked_at is null $$;

create function find_session_by_id(wanted_id uuid)
  returns table (session_id uuid, user_id uuid, organisation_id integer, role text, email text, status text, authorization_version integer,
                 last_seen_at timestamptz, idle_expires_at timestamptz, absolute_expires_at timestamptz, verified_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select s.id, u.id, u.organisation_id, u.role, u.email, u.status, u.authorization_version,
         s.last_seen_at, s.idle_expires_at, s.absolute_expires_at, s.verified_at
  from sessions s join users u on u.id = s.user_id
  where s.id = wanted_id and s.revoked_at is null $$;

create function find_refresh_token(wanted_hash bytea)
  returns table (session_id uuid, organisation_id integer, generation integer)
  language sql stable security definer set search_path = public, pg_temp as $$
  select t.session_id, t.organisation_id, t.generation from refresh_tokens t where t.token_hash = wanted_hash $$;

create function find_invitation(wanted_hash bytea)
  returns table (invitation_id uuid, organisation_id integer, organisation text, user_id uuid, email text, role text, expires_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select i.id, i.organisation_id, o.name, i.user_id, u.email, i.role, i.expires_at
  from invitations i join organisations o on o.id = i.organisation_id left join users u on u.id = i.user_id
  where i.token_hash = wanted_hash and i.accepted_at is null $$;

revoke execute on function find_login(text), find_session(bytea), find_session_by_id(uuid), find_refresh_token(bytea), find_invitation(bytea) from public;
grant execute on function find_login(text), find_session(bytea), find_session_by_id(uuid), find_refresh_token(bytea), find_invitation(bytea) to valtronics_server;
revoke execute on procedure own_by_organisation(regclass) from public;
