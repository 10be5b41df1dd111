-- What keeps guessers out: attempts to prove a secret, consecutive failures of accounts, browsers their owners signed in with, device
-- tokens that were refused, and the blocks that follow. None of it belongs to an organisation: whoever guesses belongs to none, and the
-- server needs it before it knows whom it talks to. Accounts are keyed hashes of addresses, so the addresses strangers try are not kept.

-- `open`: the secret is being looked at, which counts as a failure until the verdict. `refused`: not looked at, the address is blocked.
create table guess_attempts (
  id uuid primary key,
  at timestamptz not null,
  state text not null check (state in ('open', 'failed', 'refused')),
  -- As limits count it (IPv6 by /64); null where addresses are not counted.
  address text check (length(address) <= 60),
  account bytea check (length(account) = 32),
  -- Address and account together, also where the address alone is not counted.
  pair bytea check (length(pair) = 32),
  factor text check (length(factor) <= 40),
  -- Of a browser the account's owner has signed in with: it has counters of its own.
  device_cookie bytea check (length(device_cookie) = 32)
);
create index guess_attempts_address on guess_attempts (address, at) where address is not null;
create index guess_attempts_account on guess_attempts (account, at) where account is not null;
create index guess_attempts_age on guess_attempts (at);
grant select, insert, update, delete on guess_attempts to valtronics_server;
grant select, delete on guess_attempts to valtronics_maintenance;

-- Wrong passwords of an account since the last right one, from everywhere, but for browsers with a device cookie.
create table guess_accounts (
  account bytea primary key check (length(account) = 32),
  failures integer not null,
  last_failed_at timestamptz not null
);
grant select, insert, update, delete on guess_accounts to valtronics_server;
grant select, delete on guess_accounts to valtronics_maintenance;

create table device_cookies (
  token_hash bytea primary key check (length(token_hash) = 32),
  account bytea not null check (length(account) = 32),
  failures integer not null default 0,
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index device_cookies_account on device_cookies (account, created_at);
create index device_cookies_expiry on device_cookies (expires_at);
grant select, insert, update, delete on device_cookies to valtronics_server;
grant select, delete on device_cookies to valtronics_maintenance;

-- Device tokens that belong to nobody, by the address that shows them.
create table refused_tokens (
  address text not null check (length(address) <= 60),
  token_hash bytea not null check (length(token_hash) = 32),
  device_id uuid,
  failures integer not null,
  since timestamptz not null,
  last_at timestamptz not null,
  primary key (address, token_hash)
);
create index refused_tokens_age on refused_tokens (last_at);
grant select, insert, update on refused_tokens to valtronics_server;
grant select, delete on refused_tokens to valtronics_maintenance;

create table suspicious_addresses (
  address text primary key check (length(address) <= 60),
  attempts integer not null,
  first_at timestamptz not null,
  last_at timestamptz not null
);
grant select, insert, update on suspicious_addresses to valtronics_server;
grant select, delete on suspicious_addresses to valtronics_maintenance;

create table blocks (
  id uuid primary key,
  scope text not null check (scope in ('ip', 'range', 'user', 'device')),
  value text not null check (length(value) between 1 and 200),
  reason text not null check (length(reason) between 1 and 200),
  evidence jsonb not null default '{}',
  created_at timestamptz not null,
  expires_at timestamptz not null,
  lifted_at timestamptz,
  lifted_by text check (length(lifted_by) <= 80),
  check (expires_at > created_at),
  check ((lifted_at is null) = (lifted_by is null))
);
create index blocks_value on blocks (scope, value, created_at);
create index blocks_in_force on blocks (expires_at) where lifted_at is null;
grant select, insert on blocks to valtronics_server;
grant select, delete, update (lifted_at, lifted_by) on blocks to valtronics_maintenance;
