#!/usr/bin/perl

# The models of ring, lock, epoch and wake-up (ngx_kafka_ws_ring.pml), and of
# interest in topics (ngx_kafka_ws_interest.pml): spin visits all of their
# states and finds nothing, and it finds every way to spoil the models.

# brokers: none
# timeout: 600

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw(tempdir);
use Test::More;

use KafkaWS::Pace qw(within);
use KafkaWS::Process qw(root);

use constant {
	SECONDS => 60,			# of a processor, for one search
	MEGABYTES => 1900,
	DEPTH => 20_000,		# the longest way there is has 250 steps
	STATES => 300_000,		# a model of any use has more
};

my $torn = qr/assertion violated \(\(e==\(pos\+1\)\)&&\(f==\(pos\+1\)\)\)/;
my $asleep = qr/invalid end state/;
my $unseen = qr/assertion violated rings/;
my $freed = qr/assertion violated \( !\(reads\[0\]\)&& !\(reads\[1\]\)\)/;
my $kept = qr/assertion violated \(\(tries<=2\)\|\| !\(rings\)\)/;

# what is spoilt, by which definitions, what comes of it

my %models = ('lib/ngx_kafka_ws_ring.pml' => [
	[ 'two writers, the epoch is not enough', 'NO_LOCK', $torn ],
	[ 'the next offset apart from the last entry', 'OFFSET_APART',
		qr/assertion violated \(next==seq\)/ ],
	[ 'no check after the copy', 'NO_VALIDATION', $torn ],
	[ 'no acquire fence before the check', 'NO_ACQUIRE_FENCE', $torn ],
	[ 'no release fence behind the tail', 'NO_RELEASE_FENCE', $torn ],
	[ 'the tail behind the data', 'TAIL_LATE', $torn ],
	[ 'the head before the data', 'HEAD_FIRST', $torn ],
	[ 'the head without release', 'HEAD_RELAXED', $torn ],
	[ 'an index of two entries', 'ENTRIES=2',
		qr/assertion violated \(\(e==\(t\+1\)\)&&\(t>pos\)\)/ ],
	[ 'the writer has no full fence', 'NO_FULL_FENCE_WRITER', $asleep ],
	[ 'a worker has no full fence', 'NO_FULL_FENCE_WORKER', $asleep ],
	[ 'a worker looks and then arms', 'LOOK_FIRST', $asleep ],
	[ 'the writer wakes and then publishes', 'WAKE_FIRST', $asleep ],
	[ 'the writer wakes and then marks', 'MARK_LATE', $asleep ],
	[ 'a worker takes its mark when it has looked', 'TAKE_LATE', $asleep ],
	[ 'a worker forgets its mark with a record', 'FORGET_EARLY', $asleep ],
	[ 'a new writer does not wake', 'NO_WAKE_AT_FIRST', $asleep ],
	[ 'a worker does not look by itself', 'NO_TICK', $asleep ],
], 'core/ngx_kafka_ws_interest.pml' => [
	[ 'the writer has no full fence', 'NO_FENCE_WRITER', $unseen ],
	[ 'a process has no full fence', 'NO_FENCE_WORKER', $asleep ],
	[ 'the writer looks and then hides the rings', 'LOOK_FIRST', $freed ],
	[ 'who has died is not told from who lives', 'NO_LOCK', $kept ],
	[ 'the lock of the slot comes late', 'LOCK_LATE', $asleep ],
	[ 'a new process does not clear the bit in its slot', 'NO_CLEAR',
		$kept ],
	[ 'the writer clears the bits of the dead', 'WRITER_CLEARS', $freed ],
	[ 'who looked while they were hidden is not told', 'NO_NEWS', $asleep ],
	[ 'rings are seen before they are there', 'RINGS_LATE', $unseen ],
]);

# Workers of the ring write nothing that anybody else reads, but what wakes
# them: what one of them may see after four deaths of writers, any may.

my %sizes = ('lib/ngx_kafka_ws_ring.pml' => [['WORKERS=2', 'DEATHS=1'],
	['WORKERS=1', 'DEATHS=4']]);

my $checks = 0;

$checks += 5 * @{ $sizes{$_} // [[]] } + 3 * @{ $models{$_} } for keys %models;
plan(tests => $checks);

for my $model (sort keys %models) {
	whole($model, @$_) for @{ $sizes{$model} // [[]] };

	for my $spoilt (@{ $models{$model} }) {
		my ($name, $definition, $found) = @$spoilt;
		my $out = search($model, '-O0', "-D$definition");

		like($out, qr/errors: 1\b/, "$name: an error");
		like($out, $found, "$name: the one it must be");
		ok(-s 'model.trail', "$name: the way there");
	}
}

chdir '/';


# all states of a model, and no error in any
sub whole {
	my ($model, @size) = @_;
	my $out = search($model, '-O2', map { "-D$_" } @size);
	my $name = "$model @size";

	like($out, qr/errors: 0\b/, "$name: no error");
	unlike($out, qr/Search not completed|max search depth/,
		"$name: all of it");
	ok(!-e 'model.trail', "$name: no way to an error");

	my ($states) = $out =~ /^\s*(\d+) states, stored/m;

	cmp_ok($states // 0, '>', STATES, "$name: states");

	# an end of a process that has none, and nothing else

	my @unreached = grep { !/"-end-"/ }
		$out =~ /^(\t\S+:\d+, state .*)$/mg;

	is_deeply(\@unreached, [], "$name: every statement was reached");

	diag($_) for grep { !$ENV{HARNESS_ACTIVE}
		|| $ENV{HARNESS_IS_VERBOSE} } $out =~
		/^(.*(?:states, stored|total actual|elapsed time).*)$/mg;
}


# in a folder of its own; returns what pan says
sub search {
	my ($model, $optimize, @definitions) = @_;

	chdir(tempdir(CLEANUP => 1)) or die "chdir: $!\n";
	system('cp', root() . "/ngx_kafka_ws_module/$model", 'model') == 0
		or die "cp failed\n";

	my $said = run('spin', @definitions, '-a', 'model');

	die "spin: $said\n" if !-s 'pan.c';

	$said = run($ENV{CC} // 'gcc', $optimize, qw(-w -DSAFETY -DCOLLAPSE),
		'-DMEMLIM=' . MEGABYTES, '-o', 'pan', 'pan.c');

	die "cc: $said\n" if !-x 'pan';

	return run('prlimit', '--cpu=' . int within(SECONDS), './pan', '-w24',
		'-m' . DEPTH);
}


sub run {
	my @command = @_;

	open my $p, '-|', 'sh', '-c', 'exec 2>&1; exec "$@"', 'sh', @command
		or die "$command[0]: $!\n";
	my $said = do { local $/; <$p> };
	close $p;

	return $said // '';
}
