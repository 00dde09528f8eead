#!/usr/bin/perl

# kafka_ws_slow skip: a client that was too slow is told, partition by
# partition, which records it lost, and goes on at the oldest that is held
# or at the live end.  Each record is either sent or part of one gap.

# brokers: kafka mock
# run: waits
# timeout: 400

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(min);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Load qw(private_bytes);
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(unmeasured within);

use constant {
	TIME => 20, SIZE => 20_000,
	FEW => 20,			# records: more than the sockets take
	MANY => 80,			# more than the ring holds
	AT_ONCE => 400_000,		# bytes
	LAG => 1,
	NEVER => 6, SLACK => 64 * 1024,
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('skip'), partitions => 3);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(76);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  1;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        ring      1m;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_ping    5m;
    kafka_ws_format  json text;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location /earliest {
            kafka_ws       c;
            kafka_ws_slow  skip lag=${\LAG}s buffer=8k;
        }

        location /latest {
            kafka_ws       c;
            kafka_ws_slow  skip lag=${\LAG}s buffer=8k to=latest;
        }

        location /patient {
            kafka_ws       c;
            kafka_ws_slow  skip to=latest buffer=8k lag=1h;
        }

        location /close {
            kafka_ws       c;
            kafka_ws_gap   close;
            kafka_ws_slow  skip lag=${\LAG}s buffer=8k to=earliest;
        }

        location /close_late {
            kafka_ws       c;
            kafka_ws_gap   close;
            kafka_ws_slow  skip lag=${\LAG}s buffer=8k to=latest;
        }

        location /reader {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my @next = (0, 0, 0);		# the offset to come, by partition
my %hole;			# their ends by "partition offset"
my ($worker) = $t->worker_pids();
my $reader = started('/reader', rcvbuf => 1 << 20);

# the oldest held: only what the ring overran is skipped, however late it is

my $c = started('/earliest');

send_to(2, 1);
send_to($_, FEW) for 0, 1;
late();

my $got = to_the_end($c);

is_deeply($got->{gaps}, [], 'earliest: late, nothing lost');
is(records($got), 1 + 2 * FEW, 'earliest: every record');

my $status = status();

send_to(0, 1, 200_000);		# the sockets take half of it
stuck();
send_to($_, MANY) for 0, 1;
hole(2) if $b->has('isolation');
send_to(2, 1);
is(status()->{gaps}, $status->{gaps},
	'earliest: no gap while it takes nothing');
late();

$got = to_the_end($c);

is(partitions($got), '0 1', 'earliest: gaps of those that lost something');
is($got->{last}{0} . $got->{last}{1} . $got->{last}{2}, 'rrr',
	'earliest: then the records that are held');
cmp_ok(@{ $got->{records}{0} }, '>=', 30, 'earliest: as many as there are');
is(status()->{gaps}, $status->{gaps} + 2, 'earliest: gaps are counted');
cmp_ok(status()->{lapped}, '>', $status->{lapped}, 'earliest: lapped, too');
goes_on($c, 'earliest');

# the live end, when the lag is over

$c = started('/latest');

$status = status();
send_to($_, FEW) for 0, 1;
late();
$got = to_the_end($c);

is(partitions($got), '0 1', 'latest: gaps of those that had any waiting');
is($got->{last}{0} . $got->{last}{1}, 'gg', 'latest: up to the live end');
is(status()->{gaps}, $status->{gaps} + 2, 'latest: gaps are counted');
cmp_ok(status()->{slow}, '>', $status->{slow}, 'latest: so is being slow');
is(status()->{lapped}, $status->{lapped}, 'latest: it was not lapped');
goes_on($c, 'latest');

# in time; then the live end, because the ring overran it before

$c = started('/patient');

send_to($_, FEW) for 0, 1;
$got = to_the_end($c);
is_deeply($got->{gaps}, [], 'in time: nothing lost');
is(records($got), 2 * FEW, 'in time: every record');

stuck();
send_to(0, MANY);
$got = to_the_end($c);

is(partitions($got), '0 1', 'lapped: gaps of those that had any waiting');
is($got->{last}{0} . $got->{last}{1}, 'gg', 'lapped: up to the live end');
goes_on($c, 'lapped');

# one that reads now and then, while more and more comes

for my $uri ('/earliest', '/patient') {
	my ($gaps, @got) = (0);

	$c = started($uri);

	for my $round (1 .. 4) {
		send_to($_, 1200, 1000) for 0, 1;
		send_to(2, 1);
		$got = to_the_end($c, 100 * $round);
		push @got, $got;
	}

	push @got, to_the_end($c);
	$gaps += @{ $_->{gaps} } for @got;

	cmp_ok($gaps, '>', 2, "$uri: now and then, some are lost");
	goes_on($c, "$uri: now and then");
}

# streams that cannot tell, or must not

my $closes = closes();

for my $uri ('/earliest', '/close', '/close_late', '/latest') {
	my $text = $uri !~ /close/;
	my $lapped = $uri =~ /earliest|close$/;

	# whose default is close
	$c = started($uri, $text ? (subprotocol => 'kafka.text.v1') : ());
	$status = status();

	send_to($_, FEW) for 0, 1;

	if ($lapped) {
		late();
		is(closes(), $closes, "$uri: not closed for being late");
		send_to($_, MANY) for 0, 1;
	}

	# it reads again, just when it was found out; or it never does

	ok($t->wait_log(qr/client is too slow, closing at .*GET \Q$uri /),
		"$uri: a line in the log");
	1 while !$c->{close} && $c->read_frame(TIME);
	is($c->{close}[0], 4410, "$uri: closed with 4410");
	$closes++;
	ok(wait_for(TIME, sub { closes() == $closes }), "$uri: counted");
	is(status()->{gaps}, $status->{gaps} + 1, "$uri: as a gap");
}

is(status()->{closes}{4408}, 0, 'nobody was closed as slow');

# those who never read

my @never = map { started('/earliest'), started('/latest') } 1 .. NEVER / 2;

stuck();
send_to($_, MANY) for 0, 1, 0, 1;

my $before = private_bytes($worker);

send_to($_, MANY) for (0, 1) x 4;

my $after = private_bytes($worker);

is(status()->{connections}, 1 + NEVER, 'never: they are all there');

SKIP: {
	unmeasured(1);
	cmp_ok($after - $before, '<=', SLACK, 'never: memory does not grow');
}

KafkaWS::Client->read_together(TIME + now() - $never[0]{unread}, \&is_behind,
	@never);

my @lost = map { to_the_end($_) } @never;

is(scalar(grep { partitions($_) eq '0 1' } @lost), NEVER,
	'never: they are told once they read');
is(scalar(grep { grep { $_ == 2 } map { $_->{partition} } @{ $_->{gaps} } }
	@lost), 0, 'never: nothing else');

# the reader has all of it

$got = to_the_end($reader);
is(records($got), $next[0] + $next[1] + $next[2] - 2 * keys %hole,
	'the others have all of it');
is_deeply($got->{gaps}, [], 'the others have no gap');
###############################################################################

sub started {
	my ($uri, @more) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri, rcvbuf => 32768,
		timeout => TIME, @more);

	return $c if $c->{format} ne 'json';

	my $start = $c->wait_event('start', TIME);

	$c->{unread} = now();
	$c->{at} = { map { $_->{partition} => $_->{offset} }
		@{ $start->{partitions} } };

	return $c;
}

# Produces count records that say which they are, no faster than the others
# read them: they have all of it afterwards.
sub send_to {
	my ($p, $count, $size) = @_;

	while ($count > 0) {
		my $n = min($count, int(AT_ONCE / ($size // SIZE)));

		$b->produce($topic, map { { partition => $p,
			value => value($p, $next[$p]++, $size) } } 1 .. $n);
		$count -= $n;

		$reader->until(now() + TIME, sub {
			$reader->{arrived}{''}{$p} == $next[$p] });
	}
}

# An aborted transaction: offsets that are no records, and no gap.
sub hole {
	my ($p) = @_;

	$b->txn_abort($topic, { partition => $p, value => 'never' });
	my $from = $next[$p];

	$hole{"$p $from"} = $next[$p] += 2;

	# its mark is written after the answer
	wait_for(TIME, sub { my ($topic) = @{ status()->{topics} };
		($topic->{partitions}[$p]{log_end} // -1) == $next[$p] });
}

sub value {
	my ($partition, $offset, $size) = @_;

	return "$partition/$offset/" . chr(97 + $offset % 26)
		x (($size // SIZE) - 1) . '.';
}

# Fills the sockets of those who do not read, until nothing moves any more.
sub stuck {
	my $last = '';

	send_to($_, FEW) for 0, 1;

	wait_for(TIME, sub {
		my $same = $last eq status()->{bytes};

		$last = status()->{bytes};
		select undef, undef, undef, 0.4;

		return $same;
	});
}

# longer than the lag, and until that is looked for
sub late { select undef, undef, undef, LAG + 1.5 }

# Reads up to the last record produced, or so many records, and checks that
# each offset is either a record of the right value or within one gap.
sub to_the_end {
	my ($c, $max) = @_;
	my %got = (gaps => [], records => { 0 => [], 1 => [], 2 => [] });
	my (@wrong, $n);

	# what a full socket did not take the kernel sends again after at most
	# as long as nobody has read

	my $time = TIME + now() - $c->{unread};

	while (grep { $c->{at}{$_} < $next[$_] } 0 .. 2) {
		last if $max && $n++ >= $max;

		my $m = $c->next_json($time) or do {
			push @wrong, 'it ends at ' . $c->cursor;
			last;
		};

		my $p = $m->{partition};
		my $gap = ($m->{event} // '') eq 'gap';
		my ($from, $to) = $gap ? @$m{qw(from to)} : ($m->{offset}) x 2;

		$c->{at}{$p} = $hole{"$p $c->{at}{$p}"} // $c->{at}{$p};
		push @wrong, "$p: $from instead of $c->{at}{$p}"
			if $from != $c->{at}{$p};
		push @wrong, "$p: $from to $to" if $to < $from;
		$c->{at}{$p} = $to + 1;
		$got{last}{$p} = $gap ? 'g' : 'r';

		if ($gap) {
			push @{ $got{gaps} }, $m;
			push @wrong, "$p: $m->{reason}"
				if $m->{reason} ne 'lapped';

		} else {
			push @{ $got{records}{$p} }, $from;
			push @wrong, "$p: value of $from" if $m->{value}
				ne value($p, $from, length($m->{value})
					- length("$p/$from/"));
		}
	}

	$c->{unread} = now();
	ok(!@wrong, "$c->{uri}: each record or a gap")
		or diag(join "\n", @wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]);

	return \%got;
}

sub is_behind {
	my ($c) = @_;

	return grep { $c->{arrived}{''}{$_} < $next[$_] } 0 .. 2;
}

sub goes_on {
	my ($c, $name) = @_;

	send_to($_, 1, 10) for 0 .. 2;

	my $got = to_the_end($c);

	is(records($got) . partitions($got), '3', "$name: the stream goes on");
}

sub records {
	my ($got) = @_;
	my $n = 0;

	$n += @$_ for values %{ $got->{records} };

	return $n;
}

# of the gaps
sub partitions {
	my ($got) = @_;

	return join ' ', sort map { $_->{partition} } @{ $got->{gaps} };
}

sub status { return $t->status()->{clusters}[0] }

sub closes { return status()->{closes}{4410} // 0 }

###############################################################################
