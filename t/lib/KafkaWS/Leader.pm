package KafkaWS::Leader;

# Moves the leader of a partition of Apache Kafka to another node, which no
# function of librdkafka 2.0.2 does: by two requests of Kafka's protocol.
#
#	KafkaWS::Leader::move('127.0.0.1:9092', 'topic', 0, 2, [1, 2, 3]);
#
# The first one makes the node the preferred leader of its replicas (their
# order says so), the second has the preferred leader elected.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;

use constant {
	TIMEOUT => 20,			# seconds
	ELECT_LEADERS => 43,
	REASSIGN => 45,
	NOT_NEEDED => 84,		# it is the leader
};

# at: host:port; nodes: all that have a replica
sub move {
	my ($at, $topic, $partition, $node, $nodes) = @_;
	my @replicas = ($node, grep { $_ != $node } @$nodes);

	# AlterPartitionReassignments, version 0: arrays and strings have
	# their length plus one before them, structures a zero behind them

	my $answer = ask($at, pack('n n N n/a C', REASSIGN, 0, 1, 'test', 0)
		. pack('N C', TIMEOUT * 1000, 2)
		. pack('C a*', length($topic) + 1, $topic)
		. pack('C N C N*', 2, $partition, @replicas + 1, @replicas)
		. pack('C C C', 0, 0, 0));

	# correlation, tags, throttle time; an error of all, its text; topics
	my ($error, $text, $topics) = unpack 'x4 x x4 n C C', $answer;

	die "reassignment: error $error\n" if $error || $text;
	die "reassignment: no topic in the answer\n" unless $topics == 2;

	# the name with its length, the length of the partitions, a number
	my ($length) = unpack 'x13 C', $answer;

	($error) = unpack 'x' . (13 + $length + 1 + 4) . ' n', $answer;
	die "reassignment of $topic: error $error\n" if $error;

	# ElectLeaders, version 1: the preferred ones

	$answer = ask($at, pack('n n N n/a', ELECT_LEADERS, 1, 2, 'test')
		. pack('C N n/a N N N', 0, 1, $topic, 1, $partition,
			TIMEOUT * 1000));

	# correlation, throttle time; an error of all; topics
	($error, $topics) = unpack 'x4 x4 n N', $answer;

	die "election: error $error\n" if $error;

	return unless $topics;

	# name, partitions; number, error
	(undef, undef, undef, $error) = unpack 'x14 n/a N N n', $answer;

	die "election in $topic: error $error\n"
		if $error && $error != NOT_NEEDED;
}

# returns: the answer without its length
sub ask {
	my ($at, $request) = @_;
	my $answer = '';

	my $s = IO::Socket::INET->new(PeerAddr => $at, Timeout => TIMEOUT)
		or die "$at: $!\n";
	my $select = IO::Select->new($s);

	syswrite $s, pack 'N/a', $request;

	while (length($answer) < 4
		|| length($answer) < 4 + unpack 'N', $answer)
	{
		die "$at: no answer\n" unless $select->can_read(TIMEOUT)
			&& sysread $s, $answer, 65536, length $answer;
	}

	return substr $answer, 4;
}

1;
