-- expand 0.1
-- When the password was last chosen by a link from an e-mail: for an hour the mailbox is no second factor beside it, as it
-- would be both factors. Null for passwords that were not, and those from before this column.
alter table latchkey.passwords add column reset_at timestamptz;
