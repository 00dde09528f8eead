#!/usr/bin/perl

# The model of ring, lock, epoch and wake-up (ngx_kafka_ws_ring.pml): spin
# visits all of its states and finds nothing, and it finds every way to spoil
# the model.

# brokers: none

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw(tempdir);
use Test::More;

use KafkaWS::Pace qw(within);
use KafkaWS::Process qw(root);

use constant {
	SECONDS => 60,			# of one search
	MEGABYTES => 1900,
	DEPTH => 20_000,		# the longest way there is has 250 steps
	STATES => 1_000_000,		# a model of any use has more
};

my $model = root() . '/ngx_kafka_ws_module/lib/ngx_kafka_ws_ring.pml';
my $torn = qr/assertion violated \(\(e==\(pos\+1\)\)&&\(f==\(pos\+1\)\)\)/;
my $asleep = qr/invalid end state/;

# what is spoilt, by which definitions, what comes of it

my @spoilt = (
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
	[ 'a new writer does not wake', 'NO_WAKE_AT_FIRST', $asleep ],
	[ 'a worker does not look by itself', 'NO_TICK', $asleep ],
);

plan(tests => 5 + 3 * @spoilt);

my $out = search('-O2');

like($out, qr/errors: 0\b/, 'no error');
unlike($out, qr/Search not completed|max search depth/, 'all of it');
ok(!-e 'model.trail', 'no way to an error');

my ($states) = $out =~ /^\s*(\d+) states, stored/m;

cmp_ok($states // 0, '>', STATES, 'states');

# an end of a process that has none, and nothing else

my @unreached = grep { !/"-end-"/ } $out =~ /^(\t\S+:\d+, state .*)$/mg;

is_deeply(\@unreached, [], 'every statement was reached');

diag($_) for grep { !$ENV{HARNESS_ACTIVE} || $ENV{HARNESS_IS_VERBOSE} }
	$out =~ /^(.*(?:states, stored|total actual|elapsed time).*)$/mg;

for my $spoilt (@spoilt) {
	my ($name, $definition, $found) = @$spoilt;

	$out = search('-O0', "-D$definition");

	like($out, qr/errors: 1\b/, "$name: an error");
	like($out, $found, "$name: the one it must be");
	ok(-s 'model.trail', "$name: the way there");
}

chdir '/';


# in a folder of its own; returns what pan says
sub search {
	my ($optimize, @definitions) = @_;

	chdir(tempdir(CLEANUP => 1)) or die "chdir: $!\n";
	system('cp', $model, 'model') == 0 or die "cp failed\n";

	my $said = run('spin', @definitions, '-a', 'model');

	die "spin: $said\n" if !-s 'pan.c';

	$said = run($ENV{CC} // 'gcc', $optimize, qw(-w -DSAFETY -DCOLLAPSE),
		'-DMEMLIM=' . MEGABYTES, '-o', 'pan', 'pan.c');

	die "cc: $said\n" if !-x 'pan';

	# prints as it ends, also by SIGTERM
	return run('timeout', within(SECONDS), './pan', '-w24', '-m' . DEPTH);
}


sub run {
	my @command = @_;

	open my $p, '-|', 'sh', '-c', 'exec 2>&1; exec "$@"', 'sh', @command
		or die "$command[0]: $!\n";
	my $said = do { local $/; <$p> };
	close $p;

	return $said // '';
}
