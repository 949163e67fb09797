-- A look reads the feed in the order of transactions: one index leads to where it left off.
create index changes_in_order on changes (xid, seq);
drop index changes_by_xid;
