-- The queue of events without a place is read as a whole and each of its rows left by where it is stored, so nobody asks for its number, which
-- with its index was a tenth of what an event cost the transaction it belongs to.
alter table audit_pending drop column number;
