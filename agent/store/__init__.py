"""The buffer between the units and their upstreams: one SQLite database, and the files beside it.

Frames wait in open batches (`open_batch`), a commit seals them (`recorder`, `store`), the uplink sends them
in the order of `outgoing`, and what the upstreams acknowledged stays for people until the history is full.
Every word below is of one upstream: each has a cursor of its own (`cursor`), and none waits for another.

Words
-----
sealed        it has a sequence and is on disk. Sequences begin at 1 in each epoch; one row draws them.
epoch         16 random bytes, made with the database. (agent, epoch, sequence) names a batch for ever.
acknowledged  the upstream said that it holds the batch.
dropped       given up here (no room), refused by the upstream for good, or lost by it and by this box.
withheld      never to go to this upstream: it has alarms alone, or was named later, or has it already under
              another epoch (`upstream`). It is told so.
pending       sealed, and none of these.
settled       acknowledged, dropped or withheld: the upstream needs it no more. Kept as ranges of sequences.
forgotten     what an older image of this buffer does not remember, until the upstream has said what it holds.
healing       acknowledged once, named as missing since, and pending again (`healing`).
history       batches that every required upstream has settled, and whose bytes are still here. An upstream
              that is a copy keeps nothing here but the events that it lacks.

Invariants
----------
1. sealed = acknowledged + pending + dropped + withheld, for each upstream. The counts are written in the
   transaction that changes them. Each opening counts the pending batches against them (`database`): a buffer
   that does not balance is damaged.
2. A sequence is drawn in the transaction that inserts its batch: as long as the disk keeps what it confirmed,
   none is drawn twice. Where it does not, see 6.
3. The bytes of a batch do not change under its name. Under another sequence or epoch it is sealed anew.
4. Each range that is dropped is told by a gap record, which is a batch like any other, goes to every upstream
   (it changes nothing for one that has the range), and is sealed in the transaction that drops the range.
   Where the record is dropped too, another says it again.
5. What an upstream says of batches (acknowledged, refused, missing) waits in memory (`delivery`) and changes
   the database with the next commit. A crash before that costs a repetition.
6. Before a process sends an upstream its first batch, it is held against what that one has
   (`Store.reconcile`). Where it knows later sequences, this buffer is an older copy of itself and goes on
   above them; where another one may have been sent other batches of these numbers since, under a new epoch.
   An upstream that claims more than can have been sealed is not believed; nothing is sent to it.
7. An epoch ends with its files, or when its sequences went beyond their bound (`renumber`). Where a database
   is damaged or its files are exchanged, what lies at the path is put aside, and a new one is begun. A gap
   record of the new epoch says that the old one has ended, where the name of the old one is known.
8. The priority of a batch (an event, the black box of an alarm, routine) is the order in which batches are
   sent and taken over; they are dropped in the opposite order. It is not part of the bytes.

Threads
-------
After the start, what touches the connection runs on the writer thread (`writer`), one call after the other,
so that no fsync holds up a poll. The event loop reads attributes of the `Store` and writes none. People's
tools and the status page read by connections of their own, opened `mode=ro` (`reading`, `intervals`,
`alarm_counts`): WAL lets them read beside the writer. A lock file keeps a second agent out until the buffer
is closed or the process ends.

The order of writing
--------------------
One synchronous transaction (WAL, synchronous=FULL) per commit, in this order (`Store.seal`, `transaction`):

1. The files at the path are those that were opened, and nobody else wrote into them.
2. What the upstream acknowledged, refused, and lost again.
3. What must be dropped for want of room: before the inserts, which need the room.
4. Schemas and intervals; what the buffer says of itself and events, each in a batch of its own; the frames.
5. What is kept over a restart. The oldest history goes, and whatever is still above the cap.
6. The ranges, COMMIT, and the files are looked at once more: a commit into files that are no longer at the
   path does not count, and is made again in a new database.

Only then the caller (`recorder`) hears that it is on disk. An alarm is therefore on disk before it can be
sent. Of a commit that fails nothing is stored; the caller keeps all of it and tries again.

What survives what
------------------
end of the process     What was committed. Lost are the open batches: while the disk takes commits, at most
                       `[store] batch_s` of routine frames.
power cut              The same, if the disk keeps what it confirmed. Half a transaction is never seen.
disk that forgets,     It goes on above what the upstream holds (6), and it hears of a gap where it lacks
older image restored   something below that. What was sealed later is lost, its sequences are drawn again:
                       only the gap in the boot times shows it.
disk full              The database, if above 1 MB, grows no more: history goes, then the oldest batches are
                       dropped. Where not even the WAL can grow, the ballast file is given up (`ballast`).
disk that refuses      Frames and events wait in memory, frames up to a bound. What is lost there has no
                       sequence yet; a record of the kind "lost" tells it once the disk takes it.
damaged database       Alarms that were not delivered, and how far the old epoch had come, as far as they can
                       be read (`salvage`). All else stays in the file that is put aside.
files exchanged        What was not delivered, each batch by its checksum and the name in it: events, and the
                       others for at most 5 s and while there is room (`carry`). History stays in the old
                       files.
upstream that forgets  Sent again from the history (`healing`). What is no longer there is told as a gap.

How this is tested, with figures: docs/reliability.md. Why it is so: docs/adr, decisions 5 and 9.
"""
