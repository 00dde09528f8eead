package KafkaWS::Ports;

# TCP ports on 127.0.0.1 for servers that tests start.
#
# Ports come from below the range the kernel takes source ports from, so that
# thousands of test clients can never sit on one.  Each is held by an abstract
# Unix socket of this process: no two tests pick the same, nothing stays behind.

use warnings;
use strict;

use Socket qw(AF_UNIX AF_INET SOCK_STREAM SOL_SOCKET SO_REUSEADDR
	INADDR_LOOPBACK pack_sockaddr_un pack_sockaddr_in);
use Fcntl qw(F_SETFD FD_CLOEXEC);

use constant { FIRST => 10240, LAST => 31999 };

my %held;

# returns: a free port, held until this process ends
sub reserve {
	for (1 .. 1000) {
		my $port = FIRST + int(rand(LAST - FIRST + 1));

		next if $held{$port} or !is_free($port);

		socket(my $lock, AF_UNIX, SOCK_STREAM, 0)
			or die "socket: $!\n";
		bind($lock, pack_sockaddr_un("\0ngx_kafka_ws_port_$port"))
			or next;
		fcntl($lock, F_SETFD, FD_CLOEXEC);

		$held{$port} = $lock;
		return $port;
	}

	die "no free port on 127.0.0.1\n";
}

sub is_free {
	my ($port) = @_;

	socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
	setsockopt($s, SOL_SOCKET, SO_REUSEADDR, pack('l', 1));

	return bind($s, pack_sockaddr_in($port, INADDR_LOOPBACK)) ? 1 : 0;
}

1;
