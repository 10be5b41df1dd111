-- Second factors, what a session was proven with, sign-ins under way, forgotten passwords, and mail that waits to be sent.

-- What the person proved at sign-in or since, beyond the password alone.
alter table sessions add column factor text not null default 'password'
  check (factor in ('password', 'totp', 'passkey', 'recovery_code', 'provider'));
alter table users add column must_change_password boolean not null default false;

-- Passkeys: how the browser reaches the authenticator, and whether it is synchronised among the person's machines (WebAuthn L3, 6.1.3).
alter table factors
  add column transports text[] not null default '{}' check (cardinality(transports) <= 10),
  add column backed_up boolean;

-- A code carries 125 random bits, so its SHA-256 cannot be reversed by trying (ASVS 6.5.2).
create table recovery_codes (
  user_id uuid not null references users on delete cascade,
  organisation_id integer not null references organisations,
  code_hash bytea not null check (length(code_hash) = 32),
  created_at timestamptz not null,
  used_at timestamptz,
  primary key (user_id, code_hash)
);
call own_by_organisation('recovery_codes');
grant select, insert, update, delete on recovery_codes to valtronics_server;

-- A proof under way: whom it is about, what was proven so far, and the challenge a passkey must sign. Good once and for minutes. Of a
-- passwordless sign-in, which begins without a name, only the spent challenge is kept, so that it is good once.
create table challenges (
  token_hash bytea primary key check (length(token_hash) = 32),
  organisation_id integer not null references organisations,
  user_id uuid not null references users on delete cascade,
  session_id uuid references sessions on delete cascade,
  purpose text not null check (purpose in ('sign_in', 'passwordless', 'step_up', 'enrol_totp', 'enrol_passkey')),
  -- What a sign-in becomes is decided when it begins, so that the second step cannot change it.
  session_kind text check (session_kind in ('browser', 'token')),
  -- SHA-256 of the password hash that was proven: the second step is for that password and no later one.
  proven_password bytea check (length(proven_password) = 32),
  passkey_challenge text check (length(passkey_challenge) <= 100),
  secret_sealed bytea check (length(secret_sealed) <= 500),
  spent_at timestamptz,
  expires_at timestamptz not null
);
create index challenges_expiry on challenges (expires_at);
create index challenges_user on challenges (user_id);
call own_by_organisation('challenges');
grant select, insert, update, delete on challenges to valtronics_server;
grant select, delete on challenges to valtronics_maintenance;

create function find_challenge(wanted_hash bytea)
  returns table (organisation_id integer, user_id uuid, purpose text, expires_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select c.organisation_id, c.user_id, c.purpose, c.expires_at
  from challenges c where c.token_hash = wanted_hash and c.spent_at is null $$;

create table password_resets (
  id uuid primary key,
  organisation_id integer not null references organisations,
  user_id uuid not null references users on delete cascade,
  token_hash bytea not null unique check (length(token_hash) = 32),
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index password_resets_user on password_resets (user_id);
call own_by_organisation('password_resets');
grant select, insert, update, delete on password_resets to valtronics_server;
grant select, delete on password_resets to valtronics_maintenance;

-- Mail to people about their own account. Sealed: it may carry a link that opens the account.
create table account_mails (
  id uuid primary key,
  organisation_id integer not null references organisations,
  recipient text not null check (length(recipient) <= 254),
  message_sealed bytea not null,
  attempts integer not null default 0,
  due_at timestamptz not null,
  expires_at timestamptz not null
);
create index account_mails_due on account_mails (due_at);
call own_by_organisation('account_mails');
grant insert on account_mails to valtronics_server;
grant select, update, delete on account_mails to valtronics_maintenance;

drop function find_session(bytea);
drop function find_session_by_id(uuid);
create function find_session(wanted_hash bytea)
  returns table (session_id uuid, user_id uuid, organisation_id integer, role text, email text, status text, authorization_version integer,
                 last_seen_at timestamptz, idle_expires_at timestamptz, absolute_expires_at timestamptz, verified_at timestamptz,
                 factor text, must_change_password boolean, has_factor boolean, has_passkey boolean)
  language sql stable security definer set search_path = public, pg_temp as $$
  select s.id, u.id, u.organisation_id, u.role, u.email, u.status, u.authorization_version,
         s.last_seen_at, s.idle_expires_at, s.absolute_expires_at, s.verified_at,
         s.factor, u.must_change_password,
         exists (select from factors f where f.user_id = u.id),
         exists (select from factors f where f.user_id = u.id and f.kind = 'passkey')
  from sessions s join users u on u.id = s.user_id
  where s.token_hash = wanted_hash and s.revoked_at is null $$;

create function find_session_by_id(wanted_id uuid)
  returns table (session_id uuid, user_id uuid, organisation_id integer, role text, email text, status text, authorization_version integer,
                 last_seen_at timestamptz, idle_expires_at timestamptz, absolute_expires_at timestamptz, verified_at timestamptz,
                 factor text, must_change_password boolean, has_factor boolean, has_passkey boolean)
  language sql stable security definer set search_path = public, pg_temp as $$
  select s.id, u.id, u.organisation_id, u.role, u.email, u.status, u.authorization_version,
         s.last_seen_at, s.idle_expires_at, s.absolute_expires_at, s.verified_at,
         s.factor, u.must_change_password,
         exists (select from factors f where f.user_id = u.id),
         exists (select from factors f where f.user_id = u.id and f.kind = 'passkey')
  from sessions s join users u on u.id = s.user_id
  where s.id = wanted_id and s.revoked_at is null $$;

-- A passkey names itself; whose it is tells which account signs in.
create function find_passkey(wanted_credential bytea)
  returns table (factor_id uuid, user_id uuid, organisation_id integer, email text, status text, role text, authorization_version integer,
                 password_hash text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select f.id, u.id, u.organisation_id, u.email, u.status, u.role, u.authorization_version, u.password_hash
  from factors f join users u on u.id = f.user_id
  where f.credential_id = wanted_credential and f.kind = 'passkey' $$;

create function find_password_reset(wanted_hash bytea)
  returns table (reset_id uuid, organisation_id integer, user_id uuid, email text, name text, expires_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select r.id, r.organisation_id, r.user_id, u.email, u.name, r.expires_at
  from password_resets r join users u on u.id = r.user_id
  where r.token_hash = wanted_hash and r.used_at is null and u.status = 'active' $$;

revoke execute on function find_session(bytea), find_session_by_id(uuid), find_passkey(bytea), find_password_reset(bytea),
  find_challenge(bytea) from public;
grant execute on function find_session(bytea), find_session_by_id(uuid), find_passkey(bytea), find_password_reset(bytea),
  find_challenge(bytea) to valtronics_server;
