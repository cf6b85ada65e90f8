-- expand 0.1
-- The rules that the password was last accepted under: where those in force differ, it is judged again at the next
-- sign-in. Null for hashes from before this column and from imports, until their first sign-in.
alter table latchkey.passwords add column profile text;
