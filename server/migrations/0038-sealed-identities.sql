-- What a provider calls a person leads to them at that provider. It is sealed with the key of the organisation and found by a keyed hash of issuer and
-- subject. What still stands in clear is sealed when the server starts.
alter table linked_identities
  alter column subject drop not null,
  -- 85 bytes more than the text, of which a character takes 4 at most.
  add column subject_sealed bytea check (length(subject_sealed) <= 1105),
  add column subject_index bytea check (length(subject_index) = 32),
  add constraint linked_identities_subject_one check (num_nonnulls(subject, subject_sealed) = 1),
  add constraint linked_identities_subject_found check ((subject_sealed is null) = (subject_index is null)),
  add constraint linked_identities_subject_index unique (organisation_id, subject_index);
grant select (id, organisation_id, user_id, issuer, subject, subject_sealed, subject_index), update (subject, subject_sealed, subject_index)
  on linked_identities to valtronics_maintenance;

-- While a rotation is under way an identity has another index under each epoch in use, and a unique constraint over one of them would let it be linked
-- twice. Here stand all under which it may be looked for: whoever links one gives those of every epoch in use, which meet what is there already in at
-- least one, whichever epoch that was sealed under.
create table linked_identity_indexes (
  organisation_id integer not null references organisations,
  subject_index bytea not null check (length(subject_index) = 32),
  identity_id uuid not null references linked_identities on delete cascade,
  primary key (organisation_id, subject_index)
);
create index linked_identity_indexes_identity on linked_identity_indexes (identity_id);
call own_by_organisation('linked_identity_indexes');
grant select, insert on linked_identity_indexes to valtronics_server;
grant select, insert, delete on linked_identity_indexes to valtronics_maintenance;

-- The one in the row is among them, whoever writes it.
create function note_identity_index() returns trigger language plpgsql as $$
begin
  if not exists (select from public.linked_identity_indexes where identity_id = new.id and subject_index = new.subject_index) then
    insert into public.linked_identity_indexes (organisation_id, subject_index, identity_id)
    values (new.organisation_id, new.subject_index, new.id);
  end if;
  return null;
end $$;
create trigger note_index after insert or update of subject_index on linked_identities for each row
  when (new.subject_index is not null) execute function note_identity_index();

-- Whoever gets hold of the key of a retired epoch finds nothing to try guesses on: all that is sealed is under newer ones by then.
create function forget_identity_indexes() returns trigger language plpgsql as $$
begin
  delete from public.linked_identity_indexes x where not exists (
    select from public.linked_identities i where i.id = x.identity_id and i.subject_index = x.subject_index);
  return null;
end $$;
create trigger forget_indexes after update on key_epochs for each row
  when (new.status = 'retired' and old.status <> 'retired') execute function forget_identity_indexes();

-- As of people (0033): a server of an older release that still runs does not know the sealed ones.
create trigger no_clear_insert after insert on linked_identities for each row
  when (current_user in ('valtronics_server', 'valtronics_maintenance') and new.subject is not null)
  execute function refuse_clear();
create trigger no_clear_update after update on linked_identities for each row
  when (current_user in ('valtronics_server', 'valtronics_maintenance') and new.subject is not null and new.subject is distinct from old.subject)
  execute function refuse_clear();
