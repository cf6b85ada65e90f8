-- expand 0.1
-- Versions of a connection that differ by its name alone: what it has asserted in the first of them is asserted in the last.
alter table latchkey.connections add column same_from integer, add column same_to integer;
