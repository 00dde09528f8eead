package KafkaWS::Attempts;

# Requests by the ten thousand, each with the answer that it must get: those
# that are refused go one behind the other over connections that stay, those
# after which the connection ends over many at once, and streams are kept
# open until records have come.
#
#	my $a = KafkaWS::Attempts->new($port, records => sub { ... });
#
#	$a->add($request, 404, "no\n");
#	$a->add($request, 101, { topic => 't', partitions => [1] });
#	$a->finish();
#	is_deeply($a->wrong, [], 'each gets its answer');
#
# A stream's: topic, partitions, key (undef: of all), protocol (agreed on),
# bare (frames are values alone), older (also what was there before).
#
# records: called when a round of streams has begun; makes records and
# returns { payload => [topic, partition, key or undef, bare] } of all of them,
# as json and as values alone.

use warnings;
use strict;

use Socket qw(:DEFAULT IPPROTO_TCP TCP_NODELAY);

use KafkaWS::Pace qw(within);

use constant {
	PIPELINE => 50,		# requests on a connection that stays
	ENDING => 100,		# connections at once
	STREAMS => 500,
	TIME => 20,		# s, for an answer
	WRONG => 20,		# that are told of
};

sub new {
	my ($class, $port, %o) = @_;

	return bless { port => $port, kept => [], ending => [], streams => [],
		wrong => [], count => {}, past => {}, %o }, $class;
}

# what was not as it had to be, as text, the first of it; how many answers of
# each status came
sub wrong { return $_[0]->{wrong} }
sub count { return $_[0]->{count} }

sub add {
	my ($self, $request, $status, $body) = @_;
	my $try = { request => $request, status => $status, body => $body };
	my $list = $status == 101 ? 'streams' : $status == 400 ? 'ending'
		: 'kept';

	push @{ $self->{$list} }, $try;
	$self->run($list, { kept => PIPELINE, ending => ENDING,
		streams => STREAMS }->{$list});
}

sub finish {
	my ($self) = @_;

	$self->run($_, 1) for qw(kept ending streams);
	close delete $self->{socket} if $self->{socket};
}

sub run {
	my ($self, $list, $least) = @_;
	my $tries = $self->{$list};

	return if @$tries < $least;

	$self->{$list} = [];
	$self->can("run_$list")->($self, @$tries);
}

# one connection, all requests in one piece
sub run_kept {
	my ($self, @tries) = @_;

	while (@tries) {
		my $c = $self->{socket} //= $self->connect();
		my $buf = '';

		$self->send($c, join '', map { $_->{request} } @tries);

		while (@tries) {
			my $try = shift @tries;
			my $r = answer($c, \$buf);

			$self->judge($try, $r);
			next if $r->{status} && $r->{status} !~ /^(?:101|400)$/;

			# no other answer comes on it
			close delete $self->{socket};
			last;
		}
	}
}

# a connection each
sub run_ending {
	my ($self, @tries) = @_;
	my @open = map { my $c = $self->connect(); $self->send($c,
		$_->{request}); $c } @tries;

	for my $try (@tries) {
		my $c = shift @open;
		my $buf = '';
		my $r = answer($c, \$buf);

		$self->judge($try, $r);
		close $c;
	}
}

sub judge {
	my ($self, $try, $r) = @_;
	my $said = 'nothing';

	if (my $status = $r->{status}) {
		$said = "$status $r->{body}";
		$self->{count}{$status}++;

		return if $status == $try->{status}
			&& (ref $try->{body} ? $r->{body} =~ $try->{body}
			: $r->{body} eq $try->{body});
	}

	$self->blame($try, "got $said");
}

sub blame {
	my ($self, $try, $what) = @_;

	return if @{ $self->{wrong} } >= WRONG;

	my $body = ref $try->{body} eq 'HASH' ? join ' ', map { ref ? "[@$_]"
		: $_ // 'none' } %{ $try->{body} } : $try->{body};

	push @{ $self->{wrong} }, printable("$what, not $try->{status} $body: "
		. $try->{request});
}

sub printable {
	return $_[0] =~ s/([^\x20-\x7e])/sprintf '\x%02x', ord $1/ger;
}

# Streams: all of them begin, then records come, and each has to have its own
# and nothing else.
sub run_streams {
	my ($self, @tries) = @_;
	my @open;

	for my $try (@tries) {
		my $c = $self->connect();

		$self->send($c, $try->{request});
		push @open, { %$try, socket => $c, buf => '', got => {} };
	}

	@open = grep { $self->begun($_) } @open;

	my $new = $self->{records}->();

	$self->{past} = { %{ $self->{past} }, %$new };

	for my $stream (@open) {
		my $want = $stream->{body};

		$stream->{due} = { map { $_ => 1 }
			grep { mine($want, $new->{$_}) } keys %$new };
	}

	# when others have theirs, it would have come to those who get none
	for my $stream (sort { keys %{ $b->{due} } <=> keys %{ $a->{due} } }
		@open)
	{
		$self->receive($stream);
		close $stream->{socket};
	}
}

# it is a stream, and has said where it begins
sub begun {
	my ($self, $stream) = @_;
	my $want = $stream->{body};
	my $r = answer($stream->{socket}, \$stream->{buf});
	my $status = $r->{status} // 0;

	$self->{count}{$status}++;

	if ($status != 101) {
		$self->blame($stream, "got $status " . ($r->{body} // ''));
		return 0;
	}

	my ($agreed) = $r->{head} =~ /^Sec-WebSocket-Protocol: ([^\x0d]*)/mi;

	if (($agreed // '') ne ($want->{protocol} // '')) {
		$self->blame($stream, 'got protocol ' . ($agreed // 'none'));
		return 0;
	}

	# values alone have no event, but where they begin is fixed before a
	# pong; with a cursor it says so itself
	if ($want->{bare}) {
		return 1 if $want->{older};

		$self->send($stream->{socket}, "\x89\x80" . "\0" x 4);

		my $pong = frame($stream->{socket}, \$stream->{buf})
			// 'nothing';

		return 1 if $pong eq 'pong';

		$self->blame($stream, "answered a ping with $pong");
		return 0;
	}

	my $frame = frame($stream->{socket}, \$stream->{buf}) // 'nothing';
	my @said = $frame =~ /"partition":(\d+)/g;

	return 1 if $frame =~ /^\{"event":"start","topic":"\Q$want->{topic}\E",/
		&& "@said" eq "@{ $want->{partitions} }";

	$self->blame($stream, "began with $frame");
	return 0;
}

sub receive {
	my ($self, $stream) = @_;
	my ($want, $due) = @$stream{qw(body due)};

	# what is behind the last of them comes before the pong
	my $pinged = 0;

	while (1) {
		if (!%$due && !$pinged++) {
			$self->send($stream->{socket},
				"\x89\x80" . "\0" x 4);
		}

		my $frame = frame($stream->{socket}, \$stream->{buf});

		if (!defined $frame) {
			$self->blame($stream, 'ended, without '
				. (keys %$due));
			return;
		}

		last if $frame eq 'pong';

		my $what = $self->{past}{$frame};

		# an event that tells of older ones is none of another's
		next if $want->{older} && $frame =~ /^\{"event":"(?:gap|idle)"/;

		if (!$what || !mine($want, $what)) {
			$self->blame($stream, "brought $frame");
			return;
		}

		if ($stream->{got}{$frame}++
			|| !delete $due->{$frame} && !$want->{older})
		{
			$self->blame($stream, "brought again $frame");
			return;
		}
	}
}

sub mine {
	my ($want, $what) = @_;
	my ($topic, $partition, $key, $bare) = @$what;

	return $topic eq $want->{topic}
		&& ($bare // 0) == ($want->{bare} // 0)
		&& grep({ $_ == $partition } @{ $want->{partitions} })
		&& (!defined $want->{key}
		|| defined $key && $key eq $want->{key});
}

# the wire

sub connect {
	my ($self) = @_;

	socket my $c, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
	setsockopt $c, IPPROTO_TCP, TCP_NODELAY, 1;
	setsockopt $c, SOL_SOCKET, SO_RCVTIMEO,
		pack 'l!l!', within(TIME), 0;

	# nothing is left behind by a stream that is cut
	setsockopt $c, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;

	CORE::connect $c, pack_sockaddr_in($self->{port}, INADDR_LOOPBACK)
		or die "connect: $!\n";

	return $c;
}

sub send {
	my ($self, $c, $data) = @_;

	while (length $data) {
		my $n = syswrite $c, $data;

		next if !defined $n && $!{EINTR};

		# who has refused what came before may have gone
		return unless defined $n;

		substr $data, 0, $n, '';
	}
}

# returns: true when there is more
sub fill {
	my ($c, $buf) = @_;

	while (1) {
		my $n = sysread $c, $$buf, 65536, length $$buf;

		next if !defined $n && $!{EINTR};
		return $n;
	}
}

# returns: { status, head, body }, or {}
sub answer {
	my ($c, $buf) = @_;
	my $end;

	while (($end = index $$buf, "\x0d\x0a\x0d\x0a") < 0) {
		fill($c, $buf) or return {};
	}

	my $head = substr $$buf, 0, $end + 4, '';
	my ($status) = $head =~ m{^HTTP/1\.1 (\d\d\d) } or return {};
	my ($length) = $head =~ /^Content-Length: (\d+)\x0d$/mi;

	$length = 0 if $status == 101 || !defined $length;

	while (length $$buf < $length) {
		fill($c, $buf) or last;
	}

	return { status => $status, head => $head,
		body => substr $$buf, 0, $length, '' };
}

# returns: the payload of the next data frame, "pong", "close CODE", or
# nothing at the end
sub frame {
	my ($c, $buf) = @_;

	while (1) {
		if (length $$buf >= 2) {
			my ($op, $len) = unpack 'CC', $$buf;
			my $head = $len == 126 ? 4 : $len == 127 ? 10 : 2;

			$len = unpack $head == 4 ? 'x2 n' : 'x2 Q>', $$buf
				if $head > 2 && length $$buf >= $head;

			if (length $$buf >= $head + $len) {
				my $payload = substr $$buf, $head, $len;

				substr $$buf, 0, $head + $len, '';
				return $payload if ($op & 15) < 8;
				return 'pong' if ($op & 15) == 10;
				return 'close ' . unpack 'n', $payload
					if ($op & 15) == 8;
				next;
			}
		}

		fill($c, $buf) or return;
	}
}

1;
