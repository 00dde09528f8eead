package KafkaWS::Client;

# A WebSocket client that forgives nothing.
#
#	my $c = KafkaWS::Client->connect($port, '/prices?cursor=0:5',
#		subprotocol => 'kafka.json.v1');
#	my @records = $c->records(10, 5);	# 10 of them, or 5 s are over
#	my $gap = $c->wait_event('gap', 5);
#	my ($code, $reason) = $c->wait_close(5);
#
# connect returns a KafkaWS::Response when the answer is not 101, so that
# connect(...)->status tells; a broken handshake, a frame that RFC 6455
# forbids a server, text that is not UTF-8, a record out of order or one of
# a partition that no start event announced: each dies.
#
# With commands => 1 the first message may be an answer.
#
# What is read stays in order until it is asked for: records() steps over
# events and wait_event() over records without losing them.

use warnings;
use strict;

use base qw(KafkaWS::WebSocket);

use JSON::PP ();

use KafkaWS::Pace qw(within);
use KafkaWS::Process qw(now);

my $json = JSON::PP->new->utf8->allow_nonref;

# Reads until the inbox holds one more message.
# returns: false when time is up, or at a Close or the end
sub more {
	my ($self, $deadline) = @_;

	while (!$self->{close}) {
		my $left = $deadline - now();
		my $frame = $self->read_frame($left > 0 ? $left : 0)
			or return 0;

		next if $frame->{opcode} >= 8;

		push @{ $self->{inbox} }, $self->{format} eq 'json'
			? $self->decode($frame) : $frame;
		return 1;
	}

	return 0;
}

sub decode {
	my ($self, $frame) = @_;

	die "json: a binary frame\n" if $frame->{opcode} != $self->TEXT;

	my $msg = eval { $json->decode($frame->{payload}) };

	die "json: $@$frame->{payload}\n" unless ref $msg eq 'HASH';

	# a client knows where each partition starts before its first record
	die "json: first message is no start event: $frame->{payload}\n"
		if !$self->{started}++ && !$self->{commands}
		&& ($msg->{event} // '') ne 'start';

	$self->follow($self->{arrived}, $msg, 1);

	return { msg => $msg, frame => $frame };
}

# Moves the positions over one message: the next offset of each partition.
# strict: dies unless the message may come here.
sub follow {
	my ($self, $positions, $msg, $strict) = @_;
	my $at = $positions->{ $msg->{topic} // '' } //= {};
	my $event = $msg->{event} // 'record';

	if ($event eq 'start') {
		for my $start (@{ $msg->{partitions} }) {
			$at->{ $start->{partition} } = $start->{offset};
		}

		return;
	}

	# nothing may come of a stream that is not there
	%$at = () if $event =~ /^(unsubscribed|paused|sought)$/
		|| $event eq 'error' && defined $msg->{topic}
		&& !exists $msg->{id};

	return unless defined $msg->{partition} && $event =~ /^(record|gap)$/;

	my ($p, $from, $to) = @$msg{qw(partition offset offset)};

	($from, $to) = @$msg{qw(from to)} if $event eq 'gap';

	return unless defined $from;

	if ($strict) {
		die "$event of partition $p, which no start event announced\n"
			unless defined $at->{$p};
		die "gap from $from to $to\n" if $to < $from;
		die "$event out of order: partition $p, offset $from, "
			. "$at->{$p} or later expected\n"
			if $from < $at->{$p} && $event eq 'record';
	}

	$at->{$p} = $to + 1 if $to >= ($at->{$p} // 0);
}

# a limit of seconds, as all methods take it, from now on
sub deadline {
	my ($self, $seconds) = @_;

	return now() + within($seconds // $self->{timeout});
}

# Takes the first message that the sub accepts out of the inbox.  The cursor
# moves over it and over the events before it.
sub take {
	my ($self, $seconds, $accept) = @_;

	return $self->take_until($self->deadline($seconds), $accept);
}

sub take_until {
	my ($self, $deadline, $accept) = @_;
	my $i = 0;

	while (1) {
		while ($i < @{ $self->{inbox} }) {
			my $item = $self->{inbox}[$i];
			my $mine = $accept->($item->{msg} // $item);

			$self->apply($item) if $mine || is_event($item);

			if ($mine) {
				splice @{ $self->{inbox} }, $i, 1;
				$self->{last_frame} = $item->{frame} // $item;
				return $item->{msg} // $item;
			}

			$i++;
		}

		$self->more($deadline) or return;
	}
}

sub is_event {
	my ($item) = @_;

	return $item->{msg} && defined $item->{msg}{event};
}

sub apply {
	my ($self, $item) = @_;

	return if !$item->{msg} || $item->{applied}++;
	$self->follow($self->{position}, $item->{msg});
}

# the next record or event
sub next_json {
	my ($self, $seconds) = @_;

	return $self->take($seconds, sub { 1 });
}

# text and binary formats: the next message, { opcode, payload }
sub next_message {
	my ($self, $seconds) = @_;

	return $self->take($seconds, sub { 1 });
}

sub next_record {
	my ($self, $seconds) = @_;

	return $self->take($seconds, \&is_record);
}

sub is_record { return !defined $_[0]{event} }

# returns: so many records, or fewer when the time is up
sub records {
	my ($self, $count, $seconds) = @_;
	my $deadline = $self->deadline($seconds);
	my @records;

	while (@records < $count) {
		my $record = $self->take_until($deadline, \&is_record)
			or last;

		push @records, $record;
	}

	return @records;
}

sub wait_event {
	my ($self, $name, $seconds) = @_;

	return $self->take($seconds, sub { ($_[0]{event} // '') eq $name });
}

# Reads several clients at a time, so many seconds at most, as long as
# behind->() says that one of them does not have all yet.  What a full socket
# did not take the kernel sends again, but after at most as long as nobody has
# read: one after another each would wait twice as long as the one before.
sub read_together {
	my ($class, $seconds, $behind, @clients) = @_;
	my $until = now() + $seconds;

	while (now() < $until && (my @late = grep { $behind->($_) } @clients)) {
		$_->until(now() + 0.05, sub { 0 }) for @late;
	}
}

# returns: the events read so far that nobody asked for, and forgets them
sub events {
	my ($self) = @_;
	my (@events, @rest);

	for my $item (@{ $self->{inbox} }) {
		if (is_event($item)) {
			$self->apply($item);
			push @events, $item->{msg};

		} else {
			push @rest, $item;
		}
	}

	$self->{inbox} = \@rest;

	return @events;
}

# the bytes of the message returned last
sub last_payload { return $_[0]->{last_frame}{payload} }

# the position after what was returned so far, as ?cursor= wants it
sub cursor {
	my ($self, $topic) = @_;
	my $at = $self->{position}{ $topic // '' } // {};

	return join ',', map { "$_:$at->{$_}" } sort { $a <=> $b } keys %$at;
}

# a client command, as JSON
sub command {
	my ($self, %command) = @_;

	return $self->send_text($json->encode(\%command));
}

# the same with an id of its own; returns: the answer
sub ask {
	my ($self, %command) = @_;
	my $id = ++$self->{asked};

	$self->command(id => $id, %command);

	return $self->answer($id);
}

sub answer {
	my ($self, $id, $seconds) = @_;

	return $self->take($seconds, sub { ($_[0]{id} // '') eq $id });
}

# returns: the payload of the next pong; messages before it are kept
sub wait_pong {
	my ($self, $seconds) = @_;

	$self->read_until($self->deadline($seconds),
		sub { @{ $self->{pongs} } });

	return shift @{ $self->{pongs} };
}

# how many pings came, once there are so many or the time is up
sub wait_pings {
	my ($self, $count, $seconds) = @_;

	$self->read_until($self->deadline($seconds),
		sub { $self->{pings} >= $count });

	return $self->{pings};
}

# returns: (code, reason) of the server's Close, or an empty list
sub wait_close {
	my ($self, $seconds) = @_;

	$self->read_until($self->deadline($seconds), sub { $self->{close} });

	return $self->{close} ? @{ $self->{close} } : ();
}

# returns: how the connection ended, "fin" or "rst", or nothing
sub wait_eof {
	my ($self, $seconds) = @_;
	my $deadline = $self->deadline($seconds);

	$self->read_until($deadline, sub { $self->{close} });

	while (!$self->{eof}) {
		my $left = $deadline - now();

		last if $left <= 0;
		$self->fill($left);
	}

	die "bytes after the server's Close\n"
		if $self->{close} && length $self->{buf};

	return $self->{eof};
}

# Reads, keeping messages, until the sub is true.  The deadline is a limit as
# well: what is left to it is stretched for a slow nginx.
sub until {
	my ($self, $deadline, $done) = @_;

	$self->read_until(now() + within($deadline - now()), $done);
}

sub read_until {
	my ($self, $deadline, $done) = @_;

	until ($done->() || $self->{eof} || $self->{close}) {
		my $left = $deadline - now();

		return if $left <= 0;

		my $frame = $self->read_frame($left) or next;

		push @{ $self->{inbox} }, $self->{format} eq 'json'
			? $self->decode($frame) : $frame
			if $frame->{opcode} < 8;
	}
}

1;
