-- Signing in with an OpenID provider: who is trusted, whom they vouch for, sign-ins under way, and the sessions that came of them.

create table identity_providers (
  id uuid primary key,
  organisation_id integer not null references organisations,
  -- Stands in the address the provider sends people back to, so it is one name on the whole installation.
  slug text not null unique check (slug ~ '^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$'),
  name text not null check (length(name) between 1 and 120),
  issuer text not null check (length(issuer) <= 500),
  client_id text not null check (length(client_id) <= 200),
  client_secret_sealed bytea not null check (length(client_secret_sealed) <= 1000),
  groups_scope text check (length(groups_scope) <= 100),
  groups_claim text check (length(groups_claim) <= 100),
  -- [{"group": …, "role": …}, …]; the first that fits counts.
  role_mapping jsonb not null default '[]',
  default_role text check (default_role in ('admin', 'operator', 'analyst', 'user')),
  manages_role boolean not null,
  jit_enabled boolean not null,
  email_domains text[] not null check (cardinality(email_domains) <= 50),
  trusts_second_factor boolean not null,
  accepted_acr text[] not null check (cardinality(accepted_acr) <= 20),
  accepted_amr text[] not null check (cardinality(accepted_amr) <= 20),
  max_auth_age_seconds integer check (max_auth_age_seconds between 300 and 604800),
  enabled boolean not null,
  listed boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  -- Within an organisation an issuer is one provider, so (issuer, subject) and (provider, subject) name the same person.
  unique (organisation_id, issuer)
);
call own_by_organisation('identity_providers');
grant select, insert, update, delete on identity_providers to valtronics_server;

-- Whom a provider vouches for. An account is found by these two alone and never by its address, which a provider may hand to somebody
-- else (OpenID Connect Core, 5.7).
create table linked_identities (
  id uuid primary key,
  organisation_id integer not null references organisations,
  user_id uuid not null references users on delete cascade,
  provider_id uuid not null references identity_providers on delete cascade,
  issuer text not null check (length(issuer) <= 500),
  subject text not null check (length(subject) between 1 and 255),
  -- The account exists because of this identity, so the provider decides its role.
  created_account boolean not null,
  created_at timestamptz not null,
  last_used_at timestamptz,
  unique (organisation_id, issuer, subject)
);
create index linked_identities_user on linked_identities (user_id);
create index linked_identities_provider on linked_identities (provider_id);
call own_by_organisation('linked_identities');
grant select, insert, update, delete on linked_identities to valtronics_server;

-- Between leaving for the provider and coming back. Claimed by deleting it, so it is good once.
create table departures (
  state_hash bytea primary key check (length(state_hash) = 32),
  organisation_id integer not null references organisations,
  provider_id uuid not null references identity_providers on delete cascade,
  -- Of the cookie of the browser that left: nobody else may come back.
  browser_hash bytea not null check (length(browser_hash) = 32),
  -- Nonce and PKCE verifier.
  secrets_sealed bytea not null check (length(secrets_sealed) <= 1000),
  next_path text check (length(next_path) <= 500),
  -- Set when a person who is signed in links an identity to their account.
  link_user_id uuid references users on delete cascade,
  link_session_id uuid references sessions on delete cascade,
  fresh boolean not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  check ((link_user_id is null) = (link_session_id is null))
);
create index departures_expiry on departures (expires_at);
call own_by_organisation('departures');
grant select, insert, delete on departures to valtronics_server;
grant select, delete on departures to valtronics_maintenance;

-- Which sessions rest on a provider's word, so that they end with it: by its logout, or when it is no longer trusted.
create table provider_sessions (
  session_id uuid primary key references sessions on delete cascade,
  organisation_id integer not null references organisations,
  identity_id uuid not null references linked_identities on delete cascade,
  provider_session text check (length(provider_session) <= 255)
);
create index provider_sessions_identity on provider_sessions (identity_id);
call own_by_organisation('provider_sessions');
grant select, insert on provider_sessions to valtronics_server;

-- Logout tokens that were used, until they would have expired.
create table used_logout_tokens (
  provider_id uuid not null references identity_providers on delete cascade,
  organisation_id integer not null references organisations,
  token_hash bytea not null check (length(token_hash) = 32),
  expires_at timestamptz not null,
  primary key (provider_id, token_hash)
);
create index used_logout_tokens_expiry on used_logout_tokens (expires_at);
call own_by_organisation('used_logout_tokens');
grant select, insert on used_logout_tokens to valtronics_server;
grant select, delete on used_logout_tokens to valtronics_maintenance;

-- A person who comes to sign in belongs to no organisation yet; the name in the address says which one is meant.
create function find_identity_provider(wanted_slug text)
  returns table (provider_id uuid, organisation_id integer)
  language sql stable security definer set search_path = public, pg_temp as $$
  select p.id, p.organisation_id from identity_providers p where p.slug = wanted_slug and p.enabled $$;

-- What the sign-in page shows to everybody: the names their administrators chose to show there.
create function list_offered_providers()
  returns table (slug text, name text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select p.slug, p.name from identity_providers p where p.enabled and p.listed order by lower(p.name), p.slug limit 50 $$;

revoke execute on function find_identity_provider(text), list_offered_providers() from public;
grant execute on function find_identity_provider(text), list_offered_providers() to valtronics_server;
